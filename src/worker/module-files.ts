/** Which file of a tree is a module, and back. The endings are those that the compile step gives (see project/). */
import { existsSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import type { TaskSite } from '../core/caller.ts'
import type { TaskRef } from '../core/events.ts'

const endings = [
  '.ts.mjs',
  '.ts.cjs',
  '.mts.mjs',
  '.cts.cjs',
  '.tsx.mjs',
  '.tsx.cjs',
  '.js',
  '.mjs',
  '.cjs',
  '.jsx.mjs',
  '.jsx.cjs',
  '.mjs',
  '',
]
const anyEnding = /\.[cm]?[jt]sx?(\.[cm]js)?$/

/** The file of a module in the tree at `root`; throws if there is none. */
export function fileOfModule(module: string, root: string): string {
  for (const ending of endings) {
    const file = join(root, module + ending)
    if (existsSync(file)) return file
  }
  throw new Error(`There is no module ${module} in this version of the code.`)
}

/** The place of a task that its module does not export. */
export function refInTree(site: TaskSite, root: string): TaskRef {
  const path = relative(root, site.file)
  if (path.startsWith('..'))
    throw new Error(`A task of ${site.file} was called, which is not part of the project: export it, or give it a ref.`)
  return { module: path.split(sep).join('/').replace(anyEnding, ''), export: '', ordinal: site.ordinal }
}
