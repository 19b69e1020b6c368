/** What is in a folder of the host: to send it, and to know it again. */
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readFile, readdir, readlink, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TarEntry } from './tar.ts'

interface Found {
  readonly entry: Exclude<TarEntry, { type: 'text' }>
  /** Changes whenever the content may have. */
  readonly stamp: string
}

/** Sorted, so that the same content is the same list. Caches of tools (`.cache`) are left out. */
export async function listFolder(folder: string): Promise<Found[]> {
  const found: Found[] = []
  const visit = async (relative: string): Promise<void> => {
    const names = await readdir(join(folder, relative))
    for (const name of names.toSorted()) {
      if (name === '.cache') continue
      const inside = relative === '' ? name : `${relative}/${name}`
      const path = join(folder, inside)
      const stat = await lstat(path)
      const stamp = `${stat.size} ${stat.mtimeMs} ${stat.ctimeMs} ${stat.ino}`
      if (stat.isDirectory()) {
        found.push({ entry: { type: 'folder', name: inside, mode: 0o755 }, stamp: '' })
        await visit(inside)
      } else if (stat.isSymbolicLink()) {
        const to = await readlink(path)
        found.push({ entry: { type: 'link', name: inside, to }, stamp: to })
      } else if (stat.isFile()) {
        const mode = stat.mode & 0o111 ? 0o755 : 0o644
        found.push({ entry: { type: 'file', name: inside, mode, size: stat.size, path }, stamp })
      }
    }
  }
  await visit('')
  return found
}

/** Changes whenever a file may have changed, appeared or gone. */
export function fingerprintOf(found: readonly Found[]): string {
  const stamps = createHash('sha256')
  for (const { entry, stamp } of found) stamps.update(`${entry.name}\0${stamp}\n`)
  return stamps.digest('hex')
}

/**
 * SHA-256 over names, modes and contents. Reading everything takes seconds for large dependencies, so the answer is kept in `memory`
 * (a file) for as long as no file's size, times or inode change.
 */
export async function hashFolder(found: readonly Found[], memory: string): Promise<string> {
  const fingerprint = fingerprintOf(found)
  const known = await readFile(memory, 'utf8').catch(() => '')
  const [knownFingerprint, knownHash] = known.split(' ')
  if (knownFingerprint === fingerprint && knownHash) return knownHash
  const content = createHash('sha256')
  for (const { entry } of found) {
    content.update(`${entry.type} ${entry.name}\0${entry.type === 'link' ? entry.to : entry.mode}\0`)
    if (entry.type === 'file') {
      content.update(`${entry.size}\0`)
      for await (const chunk of createReadStream(entry.path, { highWaterMark: 256 << 10 }) as AsyncIterable<Buffer>) content.update(chunk)
    }
  }
  const hash = content.digest('hex')
  const unfinished = `${memory}.${randomUUID()}`
  await writeFile(unfinished, `${fingerprint} ${hash}`)
  await rename(unfinished, memory)
  return hash
}
