import { join } from 'node:path'
import type { Tree } from '../core/tree.ts'
import { type CacheFolder, withCache } from './cache-folder.ts'
import { sha256 } from './objects.ts'
import { ownPackage, PACKAGE_NAME } from './package-root.ts'
import type { Problem } from './problem.ts'
import { type ProjectPlace, projectPath } from './project.ts'
import { type TreePlan, isTreeIntact, publishTree, treeFolder, treeName } from './publish-tree.ts'
import { type CompiledFile, type TreeIndex, filesOf, isCurrent, leavingFiles, readIndex, writeIndex } from './tree-index.ts'
import { markUse, prune } from './tree-uses.ts'

/** The user's program as workers run it. */
export interface CompiledTree extends Tree {
  /** Files that throw when they are imported, because they are no code or import what cannot come along. */
  readonly problems: readonly Problem[]
  /** By module name: the user's file and the one that runs, relative to the tree's root. */
  readonly modules: ReadonlyMap<string, { readonly source: string; readonly compiled: string }>
  /** Modules that reach code outside of the tree by a link: what they do may change, and the tree's hash stay the same. */
  readonly leaving: ReadonlySet<string>
  /** Becomes another one when packages are installed, linked or removed. */
  readonly installed: string
  /** By the user's file: what it imports. */
  readonly imports: ReadonlyMap<string, Pick<CompiledFile, 'imports' | 'hasComputedImport'>>
  /** Files whose content decides how others are compiled. */
  readonly configs: readonly string[]
  /** The folder for what is known of this project beside its trees. */
  readonly cacheFolder: string
}

/**
 * Compiles a project file by file and puts it into place as a tree. An unchanged project costs the reading of its files'
 * times. Throws a `UsageError` for a project that is too large or cannot be read; a file with a mistake is a `problem`.
 */
export async function compileProject(project: ProjectPlace, signal?: AbortSignal): Promise<CompiledTree> {
  signal?.throwIfAborted()
  return await withCache(project.treeRoot, async (cache) => {
    const known = readIndex(cache, project)
    if (known && isCurrent(known, project.treeRoot)) {
      const plan = planOf(project, known)
      if (isTreeIntact(cache, plan)) {
        markUse(cache, treeName(plan))
        return treeOf(cache, project, known, plan)
      }
    }
    const { buildTree } = await import('./build-tree.ts')
    const index = await buildTree(cache, project, known, signal)
    const plan = planOf(project, index)
    // In use from before it is there, so that nobody prunes it in between.
    markUse(cache, treeName(plan))
    if (!isTreeIntact(cache, plan)) {
      publishTree(cache, plan)
      prune(cache)
    }
    writeIndex(cache, project, index)
    return treeOf(cache, project, index, plan)
  })
}

function planOf({ treeRoot }: ProjectPlace, { hash, files, generated, installs }: TreeIndex): TreePlan {
  const own = ownPackage().root
  // In our own repository our name means the repository, whose built files are not part of the code.
  const links = new Map([own === treeRoot ? ['dist', join(own, 'dist')] : [`node_modules/${PACKAGE_NAME}`, own]])
  for (const folder of installs) if (folder !== '') links.set(`${folder}/node_modules`, join(treeRoot, folder, 'node_modules'))
  return { hash, files: filesOf(files, generated), links }
}

function treeOf(cache: CacheFolder, place: ProjectPlace, { files, configs, watched }: TreeIndex, plan: TreePlan): CompiledTree {
  const { hash, files: all } = plan
  const compiled = Object.entries(files).flatMap(([path, file]) => (file.compiled ? [[path, file.compiled] as const] : []))
  const project = projectPath(place)
  return {
    hash,
    files: all,
    directory: treeFolder(cache, plan),
    root: place.treeRoot,
    ...(project === '' ? {} : { project }),
    problems: compiled.flatMap(([, { problem }]) => problem ?? []),
    modules: new Map(compiled.map(([source, { module, path }]) => [module, { source, compiled: path }])),
    leaving: new Set(leavingFiles(files).flatMap((path) => files[path]?.compiled?.module ?? [])),
    installed: sha256(JSON.stringify(watched)),
    imports: new Map(compiled),
    configs,
    cacheFolder: cache.path,
  }
}
