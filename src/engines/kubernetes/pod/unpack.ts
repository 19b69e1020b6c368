/**
 * Writes the archive's files as its bytes arrive, and makes them read-only. What is held meanwhile counts as the worker's memory, so it is
 * little: whoever brings the bytes waits, and what V8 would leave lying outside of its heap is collected now and then.
 */
import { chmodSync, closeSync, mkdirSync, openSync, symlinkSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createGunzip, type Gunzip } from 'node:zlib'
import type { ArchiveEntry } from '../pod-frames.ts'

const heldBytes = 512 << 10
const collectedBytes = 4 << 20

export class Unpacking {
  /** Called when it takes more again. */
  onRoom: () => void = () => {}
  readonly #collect = collector()
  #uncollected = 0
  readonly #gunzip: Gunzip = createGunzip({ chunkSize: 256 << 10 })
  readonly #folders = new Set<string>()
  #head: Buffer = Buffer.alloc(0)
  #file: number | undefined
  #left = 0

  /** Settles when everything is there. */
  readonly done: Promise<void> = new Promise((resolve, reject) => {
    this.#gunzip.on('data', (bytes: Buffer) => {
      try {
        this.#take(bytes)
      } catch (error) {
        reject(error as Error)
        this.#gunzip.destroy()
      }
    })
    this.#gunzip.on('error', reject)
    this.#gunzip.on('end', () => {
      for (const folder of this.#folders) chmodSync(folder, 0o555)
      this.#collect({ type: 'major' })
      // What was ended is not told to have drained.
      this.onRoom()
      resolve()
    })
  })

  /** False when it has enough for now; it is taken all the same. */
  push(bytes: Uint8Array): boolean {
    this.#gunzip.write(bytes)
    if (this.#gunzip.writableLength < heldBytes) return true
    this.#gunzip.once('drain', () => this.onRoom())
    return false
  }

  end(): void {
    this.#gunzip.end()
  }

  #take(bytes: Buffer): void {
    this.#uncollected += bytes.length
    if (this.#uncollected > collectedBytes) {
      this.#uncollected = 0
      this.#collect({ type: 'minor' })
    }
    let rest = bytes
    while (rest.length > 0) {
      if (this.#file !== undefined) {
        const part = rest.subarray(0, this.#left)
        for (let at = 0; at < part.length;) at += writeSync(this.#file, part, at)
        this.#left -= part.length
        rest = rest.subarray(part.length)
        if (this.#left === 0) this.#close()
        continue
      }
      const newline = rest.indexOf(0x0a)
      const piece = newline < 0 ? rest : rest.subarray(0, newline)
      this.#head = Buffer.concat([this.#head, piece])
      if (newline < 0) return
      rest = rest.subarray(newline + 1)
      const entry = JSON.parse(this.#head.toString('utf8')) as ArchiveEntry
      this.#head = Buffer.alloc(0)
      this.#begin(entry)
    }
  }

  #begin({ at, size, mode = 0o644, link }: ArchiveEntry): void {
    if (size === undefined && link === undefined) return this.#folder(at)
    this.#folder(dirname(at))
    if (link !== undefined) return symlinkSync(link, at)
    this.#file = openSync(at, 'wx', mode & 0o555)
    this.#left = size ?? 0
    if (this.#left === 0) this.#close()
  }

  #folder(path: string): void {
    if (this.#folders.has(path)) return
    // The first one made and all below it are ours.
    const first = mkdirSync(path, { recursive: true })
    if (first === undefined) return
    for (let folder = path; folder.length >= first.length; folder = dirname(folder)) this.#folders.add(folder)
  }

  #close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}

type Collect = (how: { readonly type: 'minor' | 'major' }) => void

function collector(): Collect {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as Collect
}
