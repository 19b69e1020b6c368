import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, lstatSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CacheFolder } from './cache-folder.ts'

/** All files and folders of trees have this time: what was written to has another. */
export const FIXED_TIME_MS: number = Date.UTC(2000, 0, 1)
const FIXED_TIME = new Date(FIXED_TIME_MS)

/** A content of files, with the permissions that it is to have. */
export interface Content {
  readonly sha256: string
  readonly size: number
  readonly isExecutable: boolean
}

/** Where a content is kept. Trees hold hard links to it, so it has a file's permissions and time. */
export function objectPath(cache: CacheFolder, { sha256, isExecutable }: Content): string {
  return join(cache.objects, isExecutable ? `${sha256}.x` : sha256)
}

/** Whether a content is kept, and nothing has been written to it through a tree. */
export function hasObject(cache: CacheFolder, content: Content): boolean {
  return isIntact(objectPath(cache, content), content.size)
}

export function isIntact(path: string, size: number): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  return stats !== undefined && stats.isFile() && stats.size === size && stats.mtimeMs === FIXED_TIME_MS
}

export function putObject(cache: CacheFolder, content: Content, bytes: string | Uint8Array): void {
  const path = objectPath(cache, content)
  const part = `${path}.${process.pid}-${randomBytes(4).toString('hex')}.part`
  try {
    writeFileSync(part, bytes)
    chmodSync(part, content.isExecutable ? 0o555 : 0o444)
    setFixedTime(part)
    renameSync(part, path)
  } catch (error) {
    rmSync(part, { force: true })
    throw error
  }
}

export function setFixedTime(path: string): void {
  utimesSync(path, FIXED_TIME, FIXED_TIME)
}

export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
