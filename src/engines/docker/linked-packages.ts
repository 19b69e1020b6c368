/**
 * Packages that are links to folders outside of the project, as `npm link` and `file:` make them. A container follows such a link as this
 * host does, so the folder is put where it leads to in there.
 */
import { lstatSync, readdirSync, readlinkSync, realpathSync } from 'node:fs'
import { join, posix, sep } from 'node:path'
import type { Tree } from '../../core/tree.ts'
import type { Part } from '../delivery/code-layout.ts'
import { placeIn, usedPackages } from '../delivery/used-packages.ts'

interface Folder {
  readonly source: string
  readonly target: string
}

/** What is to be mounted for them besides `parts`; the packages that they load in turn have theirs among it. */
export function linkedPackages(tree: Tree, parts: readonly Part[]): Required<Part>[] {
  const mounted: Folder[] = parts.flatMap(({ content, source, target }) =>
    content === 'dependencies' && source !== undefined ? [{ source: realpathSync(source), target }] : [],
  )
  const found: Required<Part>[] = []
  const root = realpathSync(tree.root)
  const isElsewhere = (folder: string): boolean => placeIn(root, folder) === undefined && targetOf(folder, mounted) === undefined
  // Which packages are used takes reading them all.
  if (!mounted.some(({ source }) => linksIn(source).some(isElsewhere))) return []
  for (const { place, folder } of usedPackages(tree)) {
    if (targetOf(folder, mounted) !== undefined || !lstatSync(place).isSymbolicLink()) continue
    const link = targetOf(place, mounted)
    const target = link && posix.resolve(posix.dirname(link), readlinkSync(place).split(sep).join('/'))
    if (target === undefined || isTaken(target, parts)) continue
    mounted.push({ source: folder, target })
    found.push({ content: 'dependencies', source: folder, target })
  }
  return found
}

/** Where the packages of a `node_modules` lie that are links. */
function linksIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && entry.name.startsWith('@')) return linksIn(path)
    return entry.isSymbolicLink() ? realpathIfThere(path) : []
  })
}

function realpathIfThere(path: string): string[] {
  try {
    return [realpathSync(path)]
  } catch {
    return []
  }
}

function targetOf(path: string, folders: readonly Folder[]): string | undefined {
  for (const { source, target } of folders) {
    const inside = placeIn(source, path)
    if (inside !== undefined) return posix.join(target, inside)
  }
  return undefined
}

/** The container's own folders are not to be hidden by a short path, nor is what we mount ourselves. */
function isTaken(target: string, parts: readonly Part[]): boolean {
  return posix.dirname(target) === '/' || parts.some((part) => part.target === target || part.target.startsWith(`${target}/`))
}
