import { MAX_BODY_BYTES } from './frames.ts'
import type { Both } from './messages.ts'
import { StreamTable } from './stream-table.ts'
import type { Source } from './values.ts'

/** What the receiver of a stream allows before its first `credit`. */
export const INITIAL_WINDOW_BYTES: number = 1024 * 1024
/** Streams of one direction that have begun and not ended; the others wait for their turn. */
export const MAX_OPEN_STREAMS = 16
/** No further chunk is read while this much waits to leave, so that a short message never stands far behind. */
const HIGH_WATER_BYTES = 2 * MAX_BODY_BYTES
const MAX_REASON = 1000

export interface OutgoingLink {
  send(message: Extract<Both, { type: 'chunk' }>, body?: Uint8Array): void
  bufferedBytes(): number
}

interface OutgoingStream {
  readonly run: string
  readonly stream: number
  readonly source: Source
  offset: number
  window: number
  isReading: boolean
  finish(error?: Error): void
}

/** The values that this end is sending in chunks: in turn, as far as the receiver's credit reaches. */
export class OutgoingValues {
  readonly #link: OutgoingLink
  readonly #streams = new StreamTable<OutgoingStream>()
  readonly #waiting = new Set<OutgoingStream>()
  /** In the order of their turns. */
  readonly #open: OutgoingStream[] = []
  #readingBytes = 0

  constructor(link: OutgoingLink) {
    this.#link = link
  }

  /** Resolves when the last chunk is on its way, or with what ended it before. The frame that announces it has been sent. */
  add(run: string, stream: number, source: Source): Promise<Error | undefined> {
    return new Promise((resolve) => {
      const entry: OutgoingStream = { run, stream, source, offset: 0, window: INITIAL_WINDOW_BYTES, isReading: false, finish: resolve }
      this.#streams.add(run, stream, entry)
      this.#waiting.add(entry)
      this.pump()
    })
  }

  /** Credit for a stream that has ended meanwhile is nothing wrong. */
  credit(run: string, stream: number, bytes: number): void {
    const entry = this.#streams.get(run, stream)
    if (!entry) return
    entry.window += bytes
    this.pump()
  }

  stop(run: string, stream: number): void {
    const entry = this.#streams.get(run, stream)
    if (!entry) return
    this.#fail(entry, new Error('The receiver does not want the rest of the value'), 'stopped by the receiver')
    this.pump()
  }

  drop(run: string, error: Error): void {
    for (const entry of this.#streams.ofRun(run)) this.#fail(entry, error, error.message)
    this.pump()
  }

  /** No value is under way. */
  get isIdle(): boolean {
    return this.#streams.isEmpty
  }

  close(error: Error): void {
    for (const entry of this.#streams.all()) {
      this.#forget(entry)
      entry.finish(error)
    }
  }

  /** Sends as much as there is room for. */
  pump(): void {
    while (this.#link.bufferedBytes() + this.#readingBytes < HIGH_WATER_BYTES) {
      const entry = this.#takeTurn()
      if (!entry) return
      this.#read(entry)
    }
  }

  #takeTurn(): OutgoingStream | undefined {
    for (const entry of this.#waiting) {
      if (this.#open.length >= MAX_OPEN_STREAMS) break
      this.#waiting.delete(entry)
      this.#open.push(entry)
    }
    const index = this.#open.findIndex((entry) => !entry.isReading && entry.window > 0)
    if (index < 0) return undefined
    const [entry] = this.#open.splice(index, 1)
    this.#open.push(entry!)
    return entry
  }

  #read(entry: OutgoingStream): void {
    const length = Math.min(MAX_BODY_BYTES, entry.window, entry.source.size - entry.offset)
    let bytes: Promise<Uint8Array> | Uint8Array
    try {
      bytes = entry.source.read(entry.offset, length)
    } catch (error) {
      this.#fail(entry, error)
      return
    }
    if (bytes instanceof Uint8Array) {
      this.#sendChunk(entry, bytes, length)
      return
    }
    entry.isReading = true
    this.#readingBytes += length
    bytes
      .then((read) => this.#sendChunk(entry, read, length))
      .catch((error: unknown) => this.#fail(entry, error))
      .finally(() => {
        entry.isReading = false
        this.#readingBytes -= length
        this.pump()
      })
  }

  #sendChunk(entry: OutgoingStream, bytes: Uint8Array, length: number): void {
    if (this.#streams.get(entry.run, entry.stream) !== entry) return
    if (bytes.length !== length) {
      this.#fail(entry, new Error(`The stored value ended after ${entry.offset + bytes.length} of ${entry.source.size} bytes`))
      return
    }
    entry.offset += length
    entry.window -= length
    const end = entry.offset === entry.source.size
    this.#link.send({ type: 'chunk', run: entry.run, stream: entry.stream, end }, bytes)
    if (!end) return
    this.#forget(entry)
    entry.finish()
  }

  /** The other end is not told why a source cannot be read: that may name a file of this host. */
  #fail(entry: OutgoingStream, cause: unknown, reason: string = 'the sender could not read the rest of it'): void {
    if (this.#streams.get(entry.run, entry.stream) !== entry) return
    this.#forget(entry)
    this.#link.send({ type: 'chunk', run: entry.run, stream: entry.stream, end: true, error: reason.slice(0, MAX_REASON) })
    entry.finish(cause instanceof Error ? cause : new Error(String(cause)))
  }

  #forget(entry: OutgoingStream): void {
    this.#streams.delete(entry.run, entry.stream)
    this.#waiting.delete(entry)
    const index = this.#open.indexOf(entry)
    if (index >= 0) this.#open.splice(index, 1)
  }
}
