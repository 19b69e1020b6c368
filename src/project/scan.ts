import { type Dirent, type Stats, readdirSync, realpathSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { UsageError } from '../core/errors.ts'
import { isNeverIncluded } from '../core/tree.ts'
import { above, leadsOut, toSlashes } from './folders.ts'
import { IgnoreRules } from './ignore-rules.ts'

/** What tells without reading whether a file is still the same: size, times of content and inode in milliseconds, inode. */
export type Stamp = readonly [size: number, mtimeMs: number, ctimeMs: number, inode: number]

export interface ScannedFile {
  readonly stamp: Stamp
  readonly mode: 0o644 | 0o755
}

const LIMIT_BYTES = 50 * 1024 * 1024
const LIMIT_FILES = 50_000

/** The files of a tree by path, relative to the tree's root with forward slashes, and the folders that were looked into. */
export class Scan {
  readonly files: Map<string, ScannedFile> = new Map()
  readonly folders: Map<string, Stamp> = new Map()
  /** Those of the folders that have packages installed in them. */
  readonly installs: Set<string> = new Set()
  readonly #treeRoot: string
  readonly #hidden: 'taken' | 'skipped'
  #bytes = 0

  /** `hidden`: what becomes of files and folders whose names begin with a dot. */
  constructor(treeRoot: string, hidden: 'taken' | 'skipped' = 'taken') {
    this.#treeRoot = treeRoot
    this.#hidden = hidden
  }

  /** Adds a folder's files, all levels, except what is ignored. Throws a `UsageError` where they are too many. */
  addFolder(folder: string): void {
    const path = join(this.#treeRoot, folder)
    try {
      this.#walk(path, IgnoreRules.of(path, this.#treeRoot), [])
    } catch (error) {
      const { code, path: culprit } = error as NodeJS.ErrnoException
      if (code !== 'EACCES' && code !== 'EPERM') throw error
      throw new UnreadableError(`${culprit} cannot be read (${code}). If no task needs it, list it in .cowaitignore.`, { cause: error })
    }
    if (this.#bytes > LIMIT_BYTES || this.files.size > LIMIT_FILES) throw this.#tooLarge()
  }

  /** Adds the code files that lie in a folder itself. */
  addFilesOf(folder: string, accepts: (name: string) => boolean): void {
    for (const name of readdirSync(join(this.#treeRoot, folder)))
      if (accepts(name)) this.addFile(folder === '' ? name : `${folder}/${name}`)
  }

  /** Adds the `package.json` of the folders around a path: they say what the files inside are. */
  addPackageFiles(path: string): void {
    for (const folder of above(path)) this.addFile(folder === '.' || folder === '' ? 'package.json' : `${folder}/package.json`)
  }

  /** Adds one file, ignored or not. Answers whether it is there. */
  addFile(path: string): boolean {
    if (this.files.has(path)) return true
    const stats = statIfThere(join(this.#treeRoot, path))
    if (!stats?.isFile()) return false
    this.files.set(path, { stamp: stampOf(stats), mode: stats.mode & 0o100 ? 0o755 : 0o644 })
    this.#bytes += stats.size
    return true
  }

  #walk(folder: string, rules: IgnoreRules, around: readonly string[]): void {
    const path = this.#relative(folder)
    if (this.folders.has(path)) return
    const stamp = readStamp(folder)
    // What is gone since its parent was read has nothing in it.
    if (!stamp) return
    this.folders.set(path, stamp)
    for (const entry of entriesOf(folder)) {
      const { name } = entry
      const inner = join(folder, name)
      if (name === 'node_modules') this.installs.add(path)
      if (isNeverIncluded(name) || (name.startsWith('.') && this.#hidden === 'skipped') || this.files.size > LIMIT_FILES) continue
      const linked = entry.isSymbolicLink() ? statIfThere(inner) : undefined
      const isFolder = linked ? linked.isDirectory() : entry.isDirectory()
      // To git a link is a file, also a link to a folder.
      if (rules.ignores(inner, isFolder && !linked)) continue
      if (isFolder) {
        const real = linked ? realpathSync(inner) : undefined
        if (real === undefined) this.#walk(inner, rules.inside(inner), around)
        else if (!leadsBack(inner, real, around)) this.#walk(inner, rules.inside(inner), [...around, real])
      } else if (linked ? linked.isFile() : entry.isFile()) this.addFile(path === '' ? name : `${path}/${name}`)
    }
  }

  #relative(absolute: string): string {
    return toSlashes(relative(this.#treeRoot, absolute))
  }

  #tooLarge(): TooLargeError {
    const largest = [...this.files].sort(([, a], [, b]) => b.stamp[0] - a.stamp[0]).slice(0, 5)
    const named = largest.map(([path, file]) => `  ${mebibytes(file.stamp[0])}  ${path}`)
    return new TooLargeError(
      `The program in ${this.#treeRoot} is too large: ${this.files.size > LIMIT_FILES ? 'more than ' : ''}${Math.min(this.files.size, LIMIT_FILES)} files, ` +
        `${mebibytes(this.#bytes)}; the limits are ${LIMIT_FILES} files and ${mebibytes(LIMIT_BYTES)}. The largest are\n${named.join('\n')}\n` +
        'List what tasks do not need in .cowaitignore (it reads like .gitignore), and hand data over as inputs or volumes.',
    )
  }
}

/** The project has more bytes than a tree may have. */
export class TooLargeError extends UsageError {}

/** It has something in it that this user may not read. */
export class UnreadableError extends UsageError {}

/** A link to a folder that is already being walked would never end. */
function leadsBack(link: string, real: string, around: readonly string[]): boolean {
  return around.includes(real) || !leadsOut(relative(real, link))
}

export function stampOf(stats: Stats): Stamp {
  return [stats.size, stats.mtimeMs, stats.ctimeMs, stats.ino]
}

/** A file's or folder's stamp now; undefined where it is gone. Links are followed. */
export function readStamp(path: string): Stamp | undefined {
  const stats = statIfThere(path)
  return stats && stampOf(stats)
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function statIfThere(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    if (['ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

export function isSameStamp(a: Stamp, b: Stamp | undefined): boolean {
  return b !== undefined && a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3]
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}
