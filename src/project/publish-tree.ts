import { randomBytes } from 'node:crypto'
import { copyFileSync, linkSync, lstatSync, mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync, utimesSync } from 'node:fs'
import { join, posix } from 'node:path'
import type { TreeFile } from '../core/tree.ts'
import type { CacheFolder } from './cache-folder.ts'
import { FIXED_TIME_MS, isIntact, objectPath, setFixedTime, sha256 } from './objects.ts'

/** The folder of a version, and what is linked into it from this machine. */
export interface TreePlan {
  readonly hash: string
  readonly files: readonly TreeFile[]
  /** Path in the tree to what it points to. */
  readonly links: ReadonlyMap<string, string>
}

/** Two installed copies of this package link themselves into one version of a program: each has a folder of its own for it. */
export function treeName({ hash, links }: TreePlan): string {
  return `${hash}-${sha256(JSON.stringify([...links])).slice(0, 12)}`
}

/** The hash of the version that a folder is of. */
export function hashOfName(name: string): string {
  return name.split('-', 1)[0] ?? ''
}

export function treeFolder(cache: CacheFolder, plan: TreePlan): string {
  return join(cache.trees, treeName(plan))
}

/** Whether a version's folder is there, and nobody has written to it. */
export function isTreeIntact(cache: CacheFolder, plan: TreePlan): boolean {
  const { files, links } = plan
  const folder = treeFolder(cache, plan)
  return (
    foldersOf(files, links).every((each) => lstatSync(`${folder}/${each}`, { throwIfNoEntry: false })?.mtimeMs === FIXED_TIME_MS) &&
    files.every((file) => isIntact(`${folder}/${file.path}`, file.size)) &&
    [...links].every(([path, target]) => isLinkTo(join(folder, path), target))
  )
}

/** Makes a version's folder from kept objects, in one step for everybody else. Replaces one that was written to. */
export function publishTree(cache: CacheFolder, plan: TreePlan): void {
  const folder = treeFolder(cache, plan)
  const fresh = temporaryFolder(cache, 'new')
  let old: string | undefined
  try {
    buildTree(cache, plan, fresh)
    if (lstatSync(folder, { throwIfNoEntry: false }) && !isTreeIntact(cache, plan)) old = putAside(cache, treeName(plan))
    renameSync(fresh, folder)
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true })
    const lostRace = ['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')
    if (!lostRace || !isTreeIntact(cache, plan)) throw error
  } finally {
    // Last: runs of the old one load their files from the new one meanwhile.
    if (old !== undefined) rmSync(old, { recursive: true, force: true })
  }
}

/** Takes a version away. Those who look for it find all of it or nothing. */
export function removeTree(cache: CacheFolder, name: string): void {
  rmSync(putAside(cache, name), { recursive: true, force: true })
}

function putAside(cache: CacheFolder, name: string): string {
  const aside = temporaryFolder(cache, 'old')
  try {
    renameSync(join(cache.trees, name), aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return aside
}

function temporaryFolder(cache: CacheFolder, kind: 'new' | 'old'): string {
  return join(cache.trees, `.${kind}-${process.pid}-${randomBytes(4).toString('hex')}`)
}

function buildTree(cache: CacheFolder, { files, links }: TreePlan, folder: string): void {
  const folders = foldersOf(files, links)
  mkdirSync(folder)
  for (const each of folders) if (each !== '') mkdirSync(join(folder, each))
  for (const file of files) place(objectPath(cache, { ...file, isExecutable: file.mode === 0o755 }), join(folder, file.path))
  for (const [path, target] of links) symlinkSync(target, join(folder, path))
  for (const each of folders.reverse()) setFixedTime(join(folder, each))
}

/** A file system without hard links gets copies. */
function place(object: string, path: string): void {
  try {
    linkSync(object, path)
  } catch (error) {
    if (!['EPERM', 'EMLINK', 'EXDEV', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    copyFileSync(object, path)
    utimesSync(path, FIXED_TIME_MS / 1000, FIXED_TIME_MS / 1000)
  }
}

/** Outer ones first; the root is the empty path. */
function foldersOf(files: readonly { readonly path: string }[], links: ReadonlyMap<string, string>): string[] {
  const folders = new Set<string>([''])
  const add = (folder: string): void => {
    if (folder === '.' || folders.has(folder)) return
    add(posix.dirname(folder))
    folders.add(folder)
  }
  for (const { path } of files) add(posix.dirname(path))
  for (const path of links.keys()) add(posix.dirname(path))
  return [...folders]
}

function isLinkTo(path: string, target: string): boolean {
  try {
    return readlinkSync(path) === target
  } catch {
    return false
  }
}
