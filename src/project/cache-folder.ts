import { createHash, randomBytes } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { UsageError } from '../core/errors.ts'
import { above } from './folders.ts'

/** Where compiled code is kept. Several processes may use one folder at once: files and trees come into being by a rename. */
export interface CacheFolder {
  readonly path: string
  /** One folder a version of the program, named by its hash and by what is linked into it. */
  readonly trees: string
  /** Contents of files, named by their hash. */
  readonly objects: string
  /** Compiled files by what they were made from. */
  readonly analyses: string
  /** What modules of a tree export. */
  readonly described: string
  /** Which trees are in use, and since when they were used last. */
  readonly uses: string
}

/**
 * Calls `work` with the cache in the project's own folder, and once more with one under the system's temporary folder
 * where the first cannot be written to, or others could have written to it. Throws a `UsageError` where neither can.
 */
export async function withCache<T>(treeRoot: string, work: (cache: CacheFolder) => Promise<T>): Promise<T> {
  try {
    return await work(createCache(treeRoot))
  } catch (error) {
    if (!isRefusal(error)) throw error
    try {
      return await work(createCache(substituteFor(treeRoot)))
    } catch (second) {
      if (!isRefusal(second)) throw second
      throw new UsageError(
        `Compiled code can be kept neither in ${join(treeRoot, '.cowait')} (${reason(error)}) nor in ${tmpdir()} (${reason(second)}). ` +
          'Make one of them writable, or point TMPDIR to a folder with room.',
        { cause: error },
      )
    }
  }
}

function createCache(root: string): CacheFolder {
  const own = join(root, '.cowait')
  makeFolder(own)
  // A cache that others have put here is theirs, so this one may be closed to them and used.
  if (isOurs(own) && !isOursAlone(own)) chmodSync(own, statSync(own).mode & ~WRITABLE_BY_OTHERS)
  refuseOthers(own)
  const path = join(own, 'cache')
  const cache = {
    path,
    trees: join(path, 'trees'),
    objects: join(path, 'objects'),
    analyses: join(path, 'analyses'),
    described: join(path, 'described'),
    uses: join(path, 'uses'),
  }
  // What others have put in must not be used; a folder of ours may be made again.
  if (existsSync(path) && isOurs(path) && !isOursAlone(path)) rmSync(path, { recursive: true, force: true })
  // Its files can be read by all, as containers with other users need it; on this host nobody gets to them.
  makeFolder(path, 0o700)
  refuseOthers(path)
  if (statSync(path).mode & 0o077) chmodSync(path, 0o700)
  for (const folder of Object.values(cache)) {
    makeFolder(folder)
    accessSync(folder, constants.W_OK)
  }
  const ignored = join(own, '.gitignore')
  if (!existsSync(ignored)) writeFileSync(ignored, '*\n')
  return cache
}

/** A refusal of ours, as the system's are told by their codes. */
const NOT_OURS = 'NOT_OURS'

function refuseOthers(folder: string): void {
  if (!isOursAlone(folder)) throw Object.assign(new Error(`${folder} is open to others`), { code: NOT_OURS })
}

/** Not recursively: that says of a read-only file system that there is no such file. */
function makeFolder(folder: string, mode = 0o755): void {
  try {
    if (!existsSync(folder)) mkdirSync(folder, { mode })
  } catch (error) {
    // Another process made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** A folder of this user alone with links to what lies in the project, so that packages are found and stack traces lead somewhere. */
function substituteFor(treeRoot: string): string {
  const name = `${basename(treeRoot)}-${createHash('sha256').update(treeRoot).digest('hex').slice(0, 12)}`
  const folder = join(privateFolder(), name)
  mkdirSync(folder, { recursive: true })
  const packages = above(treeRoot)
    .map((each) => join(each, 'node_modules'))
    .find((each) => existsSync(each))
  const entries = readdirSync(treeRoot)
    .filter((each) => each !== '.cowait' && each !== 'node_modules')
    .map((each) => join(treeRoot, each))
  for (const target of packages ? [...entries, packages] : entries) linkTo(target, join(folder, basename(target)))
  return folder
}

function privateFolder(): string {
  const shared = join(tmpdir(), `cowait-cache-${uid}`)
  if (!existsSync(shared)) mkdirSync(shared, { recursive: true, mode: 0o700 })
  return isOursAlone(shared) ? shared : mkdtempSync(join(tmpdir(), 'cowait-cache-'))
}

/** Not `userInfo`, which fails for a user whom the system's list does not have. -1 on a system whose files tell no users. */
const uid = process.getuid?.() ?? -1
const WRITABLE_BY_OTHERS = 0o022

function isOurs(folder: string): boolean {
  const stats = statSync(folder)
  return stats.isDirectory() && (uid === -1 || [stats, lstatSync(folder)].every((each) => each.uid === uid))
}

/** What is kept runs unread: a folder that somebody else could write to could hold somebody else's code. */
function isOursAlone(folder: string): boolean {
  return isOurs(folder) && (uid === -1 || (statSync(folder).mode & WRITABLE_BY_OTHERS) === 0)
}

function linkTo(target: string, link: string): void {
  try {
    symlinkSync(target, link)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** The folder gives no room or no right to write, or others have that right too. */
function isRefusal(error: unknown): boolean {
  return [NOT_OURS, 'EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  const reasons: Record<string, string> = {
    [NOT_OURS]: 'not yours alone',
    EACCES: 'not writable',
    EPERM: 'not writable',
    EROFS: 'a read-only file system',
    ENOSPC: 'the disk is full',
    EDQUOT: 'your quota is used up',
  }
  return reasons[code ?? ''] ?? message
}

/** Writes a file as a whole: others see the old one or the new one. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  const part = `${path}.${process.pid}-${randomBytes(4).toString('hex')}.part`
  try {
    writeFileSync(part, content)
    renameSync(part, path)
  } catch (error) {
    rmSync(part, { force: true })
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || existsSync(dirname(path))) throw error
    mkdirSync(dirname(path), { recursive: true })
    writeWhole(path, content)
  }
}

/** A JSON file that we wrote; undefined where it is missing or damaged. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}
