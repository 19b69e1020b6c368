/**
 * Real pipes for what workers print. Node itself makes sockets, and a program cannot open a socket by name: a script's
 * `echo oops > /dev/stderr` would fail. Node cannot make pipes, so `mkfifo` makes named ones, a batch at a time; the name goes as
 * soon as both ends are open.
 *
 * Only on Linux: on macOS the end of a named pipe is never reported, and /dev/stderr works with sockets.
 */
import { closeSync, constants, openSync, unlinkSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const BATCH = 16
const REFILL_BELOW = 4

/** Two open descriptors; whoever takes the pipe closes them. */
export interface Pipe {
  readonly read: number
  readonly write: number
}

export class Pipes {
  readonly #directory: string
  readonly #path: string
  readonly #names: string[] = []
  #count = 0
  #filling: Promise<boolean> | undefined
  #isPossible: boolean = process.platform === 'linux'

  constructor(directory: string, path: string) {
    this.#directory = directory
    this.#path = path
  }

  /** Nothing where the host has no named pipes, or no room for one now: then a socket has to do. */
  async take(): Promise<Pipe | undefined> {
    while (this.#names.length > 0 || (await this.fill())) {
      const name = this.#names.shift()
      if (this.#names.length < REFILL_BELOW) void this.fill()
      if (name !== undefined) return openPipe(name)
    }
    return undefined
  }

  /** Makes a batch of names unless one is being made; answers whether it did. Never rejects. */
  fill(): Promise<boolean> {
    if (!this.#isPossible) return Promise.resolve(false)
    this.#filling ??= this.#makeNames().finally(() => (this.#filling = undefined))
    return this.#filling
  }

  async close(): Promise<void> {
    this.#isPossible = false
    await this.#filling
    for (const name of this.#names.splice(0)) unlink(name)
  }

  async #makeNames(): Promise<boolean> {
    const names = Array.from({ length: BATCH }, () => join(this.#directory, `out-${this.#count++}`))
    try {
      const child = spawn('mkfifo', ['-m', '600', ...names], { stdio: 'ignore', env: { PATH: this.#path } })
      const [code] = (await once(child, 'exit')) as [number | null]
      if (code === 0) {
        this.#names.push(...names)
        return true
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') this.#isPossible = false
    }
    for (const name of names) unlink(name)
    return false
  }
}

function openPipe(name: string): Pipe | undefined {
  let read: number | undefined
  try {
    read = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK)
    return { read, write: openSync(name, constants.O_WRONLY) }
  } catch {
    if (read !== undefined) closeSync(read)
    return undefined
  } finally {
    unlink(name)
  }
}

function unlink(name: string): void {
  try {
    unlinkSync(name)
  } catch {
    // Already gone.
  }
}
