/** Which file of a tree is a module, and back: the compile step wrote it down in the tree. */
import { readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import type { TaskSite } from '../core/caller.ts'
import type { TaskRef } from '../core/events.ts'
import { didYouMean } from '../core/nearest.ts'
import { fileOfSpecifier } from '../core/package-file.ts'
import { refInPackage } from '../core/package-ref.ts'
import { moduleNamed, TREE_MANIFEST, type TreeManifest } from '../core/tree.ts'

const manifests = new Map<string, TreeManifest>()

/** The manifest of the tree at `root`. */
export function manifestOf(root: string): TreeManifest {
  const known = manifests.get(root)
  if (known) return known
  const manifest = JSON.parse(readFileSync(join(root, TREE_MANIFEST), 'utf8')) as TreeManifest
  manifests.set(root, manifest)
  return manifest
}

/** The file of a module in the tree at `root`; throws if there is none. */
export function fileOfModule(module: string, root: string): string {
  if (module.startsWith('pkg:')) return fileOfPackage(module.slice('pkg:'.length), root)
  const { modules } = manifestOf(root)
  const known = moduleNamed(module, { has: (name) => Object.hasOwn(modules, name) })
  if (known === undefined) throw new Error(`There is no module ${module} in this version of the code.${hintFor(module, root)}`)
  return join(root, modules[known]!)
}

function hintFor(module: string, root: string): string {
  if (/\.(?:test|spec)(?:\.[cm]?[jt]sx?)?$|(?:^|\/)__tests__\//.test(module))
    return ' Tests are not part of it: put their tasks in a file of its own, or call them in createTestRuntime().'
  const { modules, project } = manifestOf(root)
  // Where the code was brought to, its folder tells people nothing.
  const isDelivered = !relative(root, process.cwd()).startsWith('..')
  const delivered = project === '' ? "the project's folder" : `${project} in the workspace`
  return `${didYouMean(module, Object.keys(modules))} Modules are named by their paths from ${isDelivered ? delivered : process.cwd()}.`
}

/** A task of an installed package, which must have an entry for Node's `require` or `default` condition. */
function fileOfPackage(specifier: string, root: string): string {
  try {
    return fileOfSpecifier(specifier, besideProject(root))
  } catch (error) {
    throw new Error(`Package ${specifier} cannot be loaded in this version of the code: ${(error as Error).message}`, { cause: error })
  }
}

/** From where the project's packages are found. */
function besideProject(root: string): string {
  return join(root, manifestOf(root).project, 'package.json')
}

/** The place of a task that its module does not export, or that is no module of the project. */
export function refInTree(site: TaskSite, root: string): TaskRef {
  const path = relative(root, site.file).split(sep).join('/')
  const module = Object.entries(manifestOf(root).modules).find(([, file]) => file === path)?.[0]
  if (module !== undefined) return { module, export: '', ordinal: site.ordinal }
  const ref = refInPackage(site, besideProject(root))
  if (!ref) throw new Error(`A task of ${site.file} was called, which is not part of the project: export it from a file of the project.`)
  return ref
}
