/**
 * Where a version of the program lies inside a container, and what of the host stands behind each folder. All is below the engine's folder
 * for it, here `/cowait`:
 *
 *     /cowait/code                     the tree, the working directory
 *     /cowait/code/node_modules        the user's dependencies, next to the code as at home: hoisted and linked packages resolve
 *     /cowait/code/PACKAGE/node_modules   those of a workspace's package that were not hoisted
 *     /node_modules                    dependencies from above the project's root, looked at last as at home
 *     /cowait/package                  our own package, where the project has none of its own installed
 *     /cowait/node_modules/cowait      a link to whichever own package is used, for code that finds none nearer
 *
 * User code and the worker's program must load one and the same copy of our package. So the worker runs from the copy that user code
 * resolves: the project's installed one when it is the one that runs here, else ours is put in its place.
 */
import { existsSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, posix, relative, sep } from 'node:path'
import type { Tree } from '../../core/tree.ts'

/** The tree's folder below the engine's. */
export function codeIn(folder: string): string {
  return posix.join(folder, 'code')
}

export interface Part {
  readonly content: 'code' | 'dependencies' | 'runtime' | 'package' | 'link'
  /** A folder of this host; absent for what is made by us (`own-package.ts`). */
  readonly source?: string
  readonly target: string
}

export interface Layout {
  readonly parts: readonly Part[]
  /** The worker's program. */
  readonly program: string
  /** Our package inside the container, for the link. */
  readonly packageTarget: string
  /** Folders that must exist in the code for other parts to be mounted on; relative to it. */
  readonly mountPoints: readonly string[]
}

/** Below `folder` of the container. Looks at the host's folders; changes nothing. */
export function layOut(tree: Tree, runtimeDirectory: string, folder: string): Layout {
  const codePath = codeIn(folder)
  const root = realpathSync(tree.root)
  const runtime = realpathSync(runtimeDirectory)
  const parts: Part[] = [{ content: 'code', source: tree.directory, target: codePath }]
  for (const inside of foldersWithDependencies(tree)) {
    parts.push({
      content: 'dependencies',
      source: join(tree.root, inside, 'node_modules'),
      target: posix.join(codePath, inside, 'node_modules'),
    })
  }
  const above = dependenciesAbove(root)
  if (above !== undefined) parts.push({ content: 'dependencies', source: above, target: posix.join(folder, '../node_modules') })
  const own = ownPackage(root, runtime, folder)
  parts.push(...own.parts, { content: 'link', target: posix.join(folder, 'node_modules') })
  const onCode = parts.map(({ target }) => target).filter((target) => target.startsWith(`${codePath}/`))
  return {
    parts,
    program: posix.join(own.target, basename(runtime), 'worker.js'),
    packageTarget: own.target,
    // What lies inside another part is mounted on that one.
    mountPoints: onCode
      .filter((point) => !onCode.some((other) => point.startsWith(`${other}/`)))
      .map((point) => posix.relative(codePath, point)),
  }
}

function ownPackage(root: string, runtime: string, folder: string): { target: string; parts: Part[] } {
  const codePath = codeIn(folder)
  const home = dirname(runtime)
  const inside = relative(root, home)
  // The project is our own package, or a workspace that holds its sources: what was built is not part of the code.
  if (inside !== '..' && !inside.startsWith(`..${sep}`) && !inside.split(sep).includes('node_modules')) {
    const target = posix.join(codePath, toPosix(inside))
    return { target, parts: [{ content: 'runtime', source: runtime, target: posix.join(target, basename(runtime)) }] }
  }
  const installed = installedPackage(root)
  if (installed !== undefined) {
    const target = posix.join(codePath, toPosix(relative(root, installed)))
    if (installed === home) return { target, parts: [] }
    return { target, parts: atPackage(target, runtime) }
  }
  const target = posix.join(folder, 'package')
  return { target, parts: atPackage(target, runtime) }
}

function atPackage(target: string, runtime: string): Part[] {
  return [
    { content: 'package', target },
    { content: 'runtime', source: runtime, target: posix.join(target, basename(runtime)) },
  ]
}

/** The real folder of the project's own `cowait`, where it lies among its dependencies (pnpm links to it). */
function installedPackage(root: string): string | undefined {
  try {
    const found = realpathSync(join(root, 'node_modules/cowait'))
    const isAmongThem = found.startsWith(realpathSync(join(root, 'node_modules')) + sep)
    return isAmongThem && existsSync(join(found, 'package.json')) ? found : undefined
  } catch {
    return undefined
  }
}

/** Folders of the tree, relative to its root, that have dependencies beside them at home: the root and the packages of a workspace. */
function foldersWithDependencies(tree: Tree): string[] {
  const folders = new Set(['.'])
  for (const { path } of tree.files) if (posix.basename(path) === 'package.json') folders.add(posix.dirname(path))
  return [...folders].filter((folder) => isFolder(join(tree.root, folder, 'node_modules')))
}

function dependenciesAbove(root: string): string | undefined {
  for (let folder = dirname(root); folder !== dirname(folder); folder = dirname(folder)) {
    const modules = join(folder, 'node_modules')
    if (basename(folder) !== 'node_modules' && isFolder(modules)) return modules
  }
  return undefined
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

function toPosix(path: string): string {
  return path.split(sep).join('/')
}
