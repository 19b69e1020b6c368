import { Duplex } from 'node:stream'
import type { MessagePort } from 'node:worker_threads'

/** What may be on its way to the other thread before it has taken any of it. */
const WINDOW_BYTES = 1024 * 1024
/** Chunks up to this size travel together. */
const MAX_MERGED_BYTES = 64 * 1024

type Chunk = { readonly chunk: Buffer }

/**
 * A stream of bytes between two threads. Chunks beyond the window count as written when the other thread has taken what was before them,
 * so a busy thread is seen as slow. What is read belongs to the reader alone.
 */
export class PortStream extends Duplex {
  readonly #port: MessagePort
  #underWayBytes = 0
  #onTaken: (() => void) | undefined

  constructor(port: MessagePort) {
    super()
    this.#port = port
    port.on('message', (message: Uint8Array<ArrayBuffer> | number) => {
      if (typeof message === 'number') return this.#taken(message)
      port.postMessage(message.byteLength)
      this.push(Buffer.from(message.buffer, message.byteOffset, message.byteLength))
    })
    port.once('close', () => {
      this.push(null)
      this.destroy()
    })
  }

  override _read(): void {
    // Chunks are pushed as they come.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#post([chunk], chunk.length)
    this.#goOn(done)
  }

  override _writev(chunks: Chunk[], done: (error?: Error | null) => void): void {
    let together: Buffer[] = []
    let bytes = 0
    for (const { chunk } of chunks) {
      if (bytes > 0 && bytes + chunk.length > MAX_MERGED_BYTES) {
        this.#post(together, bytes)
        together = []
        bytes = 0
      }
      together.push(chunk)
      bytes += chunk.length
    }
    if (bytes > 0) this.#post(together, bytes)
    this.#goOn(done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#port.close()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#port.close()
    this.#taken(this.#underWayBytes)
    done(error)
  }

  /** The bytes may be anybody's, so they are copied once, and the copy moves. */
  #post(chunks: readonly Buffer[], bytes: number): void {
    const copy = new Uint8Array(new ArrayBuffer(bytes))
    let at = 0
    for (const chunk of chunks) {
      copy.set(chunk, at)
      at += chunk.length
    }
    this.#underWayBytes += bytes
    this.#port.postMessage(copy, [copy.buffer])
  }

  #goOn(done: () => void): void {
    if (this.#underWayBytes < WINDOW_BYTES || this.destroyed) done()
    else this.#onTaken = done
  }

  #taken(bytes: number): void {
    this.#underWayBytes -= bytes
    if (this.#underWayBytes >= WINDOW_BYTES) return
    const done = this.#onTaken
    this.#onTaken = undefined
    done?.()
  }
}
