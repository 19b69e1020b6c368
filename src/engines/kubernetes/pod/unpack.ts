/** Writes the archive's files as its bytes arrive, and makes them read-only. */
import { chmodSync, closeSync, mkdirSync, openSync, symlinkSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { createGunzip, type Gunzip } from 'node:zlib'
import type { ArchiveEntry } from '../pod-frames.ts'

export class Unpacking {
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
      resolve()
    })
  })

  push(bytes: Uint8Array): void {
    this.#gunzip.write(bytes)
  }

  end(): void {
    this.#gunzip.end()
  }

  #take(bytes: Buffer): void {
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
