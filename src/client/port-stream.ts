import { Duplex } from 'node:stream'
import type { MessagePort } from 'node:worker_threads'

const received = 0

/** A stream of bytes between two threads. A chunk counts as written when the other thread has taken it, so a busy thread is seen as slow. */
export class PortStream extends Duplex {
  readonly #port: MessagePort
  #onTaken: (() => void) | undefined

  constructor(port: MessagePort) {
    super()
    this.#port = port
    port.on('message', (message: Uint8Array | typeof received) => {
      if (message === received) return this.#taken()
      port.postMessage(received)
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
    this.#onTaken = done
    this.#port.postMessage(new Uint8Array(chunk))
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#port.close()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#port.close()
    this.#taken()
    done(error)
  }

  #taken(): void {
    const done = this.#onTaken
    this.#onTaken = undefined
    done?.()
  }
}
