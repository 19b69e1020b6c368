import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { TreeFile } from '../core/tree.ts'
import { type CacheFolder, readJson, writeWhole } from './cache-folder.ts'
import { compilerVersion } from './compiler-version.ts'
import type { Problem } from './problem.ts'
import { type ProjectPlace, projectPath } from './project.ts'
import { type Stamp, isSameStamp, readStamp } from './scan.ts'

/** What became of a code file the last time. */
export interface CompiledFile {
  /** Where it lies in the tree: its own path, or one beside it. */
  readonly path: string
  readonly module: string
  readonly sha256: string
  readonly size: number
  /** Files of the tree that it imports. */
  readonly imports: readonly string[]
  /** What it imports besides only shows when it runs. */
  readonly hasComputedImport: boolean
  readonly jsonModules: readonly string[]
  readonly usesRuntime: boolean
  /** It imports, by a name of package.json's, a file that is not there, and that may come where nobody looks: into an ignored folder. */
  readonly lacksImport?: true
  /** Absolute paths, maybe without an ending, of files that it imports and that are not there. */
  readonly awaits?: readonly string[]
  /** It imports code outside of the tree, by a link among the packages. */
  readonly leavesTree?: true
  readonly problem?: Problem
}

export interface IndexedFile {
  readonly stamp: Stamp
  readonly mode: 0o644 | 0o755
  /** As it was read; a file that is being written to may have had another size when it was looked at. */
  readonly size: number
  readonly sha256: string
  readonly compiled?: CompiledFile
}

/** What is known of a project from the last time: whether it is unchanged shows without reading a file. */
export interface TreeIndex {
  readonly version: string
  readonly scannedAtMs: number
  readonly hash: string
  /** What a specifier can mean: all paths, and what runs for them. */
  readonly layout: string
  /** Files whose content decides how others are compiled: `package.json`, `tsconfig.json` and what it extends. */
  readonly configs: readonly string[]
  readonly files: Readonly<Record<string, IndexedFile>>
  /** Files of the tree that are made and not the user's. */
  readonly generated: readonly TreeFile[]
  readonly folders: Readonly<Record<string, Stamp>>
  /** Folders of the tree with packages of their own. */
  readonly installs: readonly string[]
  /** Absolute paths elsewhere that count; null: not there. */
  readonly watched: Readonly<Record<string, Stamp | null>>
}

function indexPath(cache: CacheFolder, place: ProjectPlace): string {
  const project = createHash('sha256').update(projectPath(place)).digest('hex').slice(0, 12)
  return join(cache.path, `index-${project}.json`)
}

/** Undefined where there is none that this version of the compiler can use. */
export function readIndex(cache: CacheFolder, place: ProjectPlace): TreeIndex | undefined {
  const index = readJson(indexPath(cache, place)) as TreeIndex | undefined
  return index?.version === compilerVersion() ? index : undefined
}

export function writeIndex(cache: CacheFolder, place: ProjectPlace, index: TreeIndex): void {
  writeWhole(indexPath(cache, place), JSON.stringify(index))
}

/** Whether everything is as it was. Reads nothing but the properties of files. */
export function isCurrent(index: TreeIndex, treeRoot: string): boolean {
  const isSame = (path: string, stamp: Stamp): boolean => isSettled(stamp, index.scannedAtMs) && isSameStamp(stamp, readStamp(path))
  return (
    isWatchedSame(index) &&
    Object.values(index.files).every(({ compiled }) => !compiled?.lacksImport) &&
    Object.entries(index.folders).every(([path, stamp]) => isSame(`${treeRoot}/${path}`, stamp)) &&
    Object.entries(index.files).every(([path, { stamp }]) => isSame(`${treeRoot}/${path}`, stamp))
  )
}

export function isWatchedSame(index: TreeIndex): boolean {
  return Object.entries(index.watched).every(([path, stamp]) => {
    const now = readStamp(path)
    return stamp === null ? now === undefined : isSameStamp(stamp, now)
  })
}

/** A file that was written to just before it was looked at may be written to again without getting another time. */
export function isSettled([, mtimeMs, ctimeMs]: Stamp, scannedAtMs: number): boolean {
  const last = Math.max(mtimeMs, ctimeMs)
  return scannedAtMs - last > (last % 1000 === 0 ? 2000 : 20)
}

/** All files of the tree, sorted by path. */
export function filesOf(files: Readonly<Record<string, IndexedFile>>, generated: readonly TreeFile[]): TreeFile[] {
  const all = Object.entries(files).flatMap(([path, { mode, size, sha256, compiled }]): TreeFile[] => {
    const own = { path, mode, size, sha256 }
    if (!compiled) return [own]
    const made = { path: compiled.path, mode, size: compiled.size, sha256: compiled.sha256 }
    return compiled.path === path ? [made] : [own, { ...made, mode: 0o644 }]
  })
  return [...all, ...generated].sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** Those that import code outside of the tree, themselves or by way of others. */
export function leavingFiles(files: Readonly<Record<string, IndexedFile>>): string[] {
  const compiled = Object.entries(files).flatMap(([path, file]) => (file.compiled ? [[path, file.compiled] as const] : []))
  const found = new Set(compiled.filter(([, { leavesTree }]) => leavesTree).map(([path]) => path))
  for (const path of found) for (const [importer, { imports }] of compiled) if (imports.includes(path)) found.add(importer)
  return [...found]
}

export function hashOf(files: readonly TreeFile[]): string {
  const hash = createHash('sha256')
  for (const { path, mode, sha256 } of files) hash.update(`${path}\0${mode}\0${sha256}\n`)
  return hash.digest('hex')
}
