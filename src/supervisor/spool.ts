import { createHash } from 'node:crypto'
import { open, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../core/errors.ts'
import type { Preview } from '../core/events.ts'
import type { Encoded } from '../core/value.ts'
import { preview } from '../core/values/preview.ts'
import type { ValueHeader } from '../protocol/messages.ts'
import { joined, Pieces } from '../protocol/pieces.ts'
import { memorySource, piecesSource, type Sink, type Source } from '../protocol/values.ts'

/** Larger values wait in a file, */
const MAX_IN_MEMORY_BYTES = 64 * 1024
/** and up to this size only when values hold a part of the memory already: an item of a stream just passes through. */
const MAX_PASSING_BYTES = 2 * 1024 * 1024
const PASSING_SHARE = 0.5
/** When values hold this much together, small ones wait in files as well. */
const MAX_MEMORY_BYTES = 64 * 1024 * 1024
const READ_BYTES = 256 * 1024

export interface SpoolOptions {
  /** What the values may hold in memory together; 64 MiB unless told. */
  readonly maxMemoryBytes?: number
}

type Header = Pick<ValueHeader, 'format' | 'text' | 'size'>

/** A value that waits in the supervisor: in memory or in a file, as opaque bytes. */
export class StoredValue implements Source {
  /** A value that its owner holds in memory anyway. */
  static of(encoded: Encoded): StoredValue {
    return new StoredValue(memorySource(encoded), () => Promise.resolve())
  }

  readonly format: Encoded['format']
  readonly text: number
  readonly size: number
  declare readonly data?: Uint8Array
  readonly #source: Source
  readonly #letGo: () => Promise<void>
  #hash: Promise<string> | undefined
  #released: Promise<void> | undefined

  /** For the spool. */
  constructor(source: Source, letGo: () => Promise<void>) {
    this.#source = source
    this.#letGo = letGo
    this.format = source.format
    this.text = source.text
    this.size = source.size
    if (source.data) this.data = source.data
  }

  /** Fails if the file cannot be read, and after `release`. */
  read(offset: number, length: number): Promise<Uint8Array> | Uint8Array {
    if (this.#released) throw new Error('Bug: a stored value was read after its release')
    return this.#source.read(offset, length)
  }

  /** SHA-256 over format, length of the text and bytes; hex. */
  hash(): Promise<string> {
    this.#hash ??= this.#computeHash()
    return this.#hash
  }

  /** What people see of it: the text of a small value, else its size. */
  preview(): Preview {
    const { data, format, text, size } = this
    return data ? preview({ format, textBytes: text, data }) : { bytes: size }
  }

  /** Lets go of the memory or the file. Idempotent; never rejects. */
  release(): Promise<void> {
    this.#released ??= this.#letGo()
    return this.#released
  }

  async #computeHash(): Promise<string> {
    const hash = createHash('sha256').update(`${this.format} ${this.text}\n`)
    for (let at = 0; at < this.size; at += READ_BYTES) hash.update(await this.read(at, Math.min(READ_BYTES, this.size - at)))
    return hash.digest('hex')
  }
}

/** Keeps the values that wait in the supervisor: small ones in memory as far as that is allowed, the others in files of a private folder. */
export class Spool {
  readonly #directory: string | undefined
  readonly #maxMemoryBytes: number
  readonly #files = new Set<string>()
  #memoryBytes = 0
  #lastFile = 0
  #isClosed = false

  /** `directory` exists and is readable by its owner only. Without one every value waits in memory. */
  constructor(directory: string | undefined, options: SpoolOptions = {}) {
    this.#directory = directory
    this.#maxMemoryBytes = options.maxMemoryBytes ?? MAX_MEMORY_BYTES
  }

  /** What the values hold in memory. */
  get memoryBytes(): number {
    return this.#memoryBytes
  }

  /** How many values are in files. */
  get files(): number {
    return this.#files.size
  }

  /** Rejects with an `EngineError` if the value cannot be written. */
  async store(encoded: Encoded): Promise<StoredValue> {
    const { format, textBytes, data } = encoded
    const sink = this.sink({ format, text: textBytes, size: data.length })
    try {
      await sink.write(data)
      return await sink.end()
    } catch (error) {
      await sink.abort(error as Error)
      throw error
    }
  }

  /** For a value that is still arriving. Nothing is left of it when it is aborted. */
  sink(header: Header): Sink<StoredValue> {
    const memoryBytes = this.#memoryBytes + header.size
    const fits =
      (header.size <= MAX_IN_MEMORY_BYTES && memoryBytes <= this.#maxMemoryBytes) ||
      (header.size <= MAX_PASSING_BYTES && memoryBytes <= this.#maxMemoryBytes * PASSING_SHARE)
    return fits || this.#directory === undefined ? this.#memorySink(header) : this.#fileSink(header, this.#directory)
  }

  /** Removes every file. Values of this spool must not be used any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#files].map((path) => this.#remove(path)))
  }

  #memorySink(header: Header): Sink<StoredValue> {
    const { size } = header
    const pieces = new Pieces()
    this.#memoryBytes += size
    const letGo = async (): Promise<void> => {
      this.#memoryBytes -= size
    }
    return {
      write: (chunk) => pieces.push(chunk),
      end: () => {
        const list = pieces.take()
        return new StoredValue(piecesSource(header, size <= MAX_IN_MEMORY_BYTES && list.length > 1 ? [joined(list)] : list), letGo)
      },
      abort: letGo,
    }
  }

  #fileSink(header: Header, directory: string): Sink<StoredValue> {
    const path = join(directory, `value-${++this.#lastFile}`)
    let file: FileHandle | undefined
    return {
      write: (chunk) =>
        this.#explained(header, async () => {
          file ??= await this.#create(path)
          await file.appendFile(chunk)
        }),
      end: () =>
        this.#explained(header, async () => {
          await file?.close()
          file = undefined
          return new StoredValue(fileSource(path, header), () => this.#remove(path))
        }),
      abort: async () => {
        await file?.close().catch(() => {})
        await this.#remove(path)
      },
    }
  }

  async #create(path: string): Promise<FileHandle> {
    this.#files.add(path)
    const file = await open(path, 'wx', 0o600)
    if (!this.#isClosed) return file
    await file.close()
    await this.#remove(path)
    throw new Error('the supervisor is closing')
  }

  async #remove(path: string): Promise<void> {
    await rm(path, { force: true }).catch(() => {})
    this.#files.delete(path)
  }

  async #explained<T>({ size }: Header, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      const hint = 'Make room there, or set TMPDIR to a folder that has more (XDG_RUNTIME_DIR, where that is set).'
      throw new EngineError(`A value of ${size} bytes cannot be kept in ${this.#directory}: ${why}. ${hint}`, { cause, hint })
    }
  }
}

/** Opens the file for each read (0.1 ms): thousands of waiting values hold no descriptor. */
function fileSource(path: string, header: Header): Source {
  return {
    ...header,
    async read(offset, length) {
      const file = await open(path, 'r')
      try {
        const bytes = Buffer.allocUnsafeSlow(length)
        const { bytesRead } = await file.read(bytes, 0, length, offset)
        return bytes.subarray(0, bytesRead)
      } finally {
        await file.close()
      }
    },
  }
}
