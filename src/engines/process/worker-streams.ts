import type { Socket } from 'node:net'
import { Duplex, Readable } from 'node:stream'
import { writeTogether } from '../../protocol/write-together.ts'
import { Inflow } from './inflow.ts'

/** The protocol's bytes: what the worker writes on its descriptor 3 and reads on its descriptor 4. */
export class WorkerChannel extends Duplex {
  readonly #up: Inflow
  readonly #down: Socket

  constructor(up: Socket, down: Socket) {
    super({ allowHalfOpen: false })
    this.#up = new Inflow(up, this)
    this.#down = down
    // A worker that went away shows by the end of what it writes; what was being written to it then is nobody's fault.
    down.on('error', () => {})
    down.resume()
  }

  /** The worker is gone: its last bytes stay readable. */
  async finish(): Promise<void> {
    this.#down.destroy()
    await this.#up.finish()
  }

  override _read(): void {
    this.#up.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#down.writable) this.#down.write(chunk, () => done())
    else done()
  }

  /** One call of the system for what was written in one turn. */
  override _writev(chunks: { readonly chunk: Buffer }[], done: () => void): void {
    if (!this.#down.writable) return done()
    const pieces = chunks.map(({ chunk }) => chunk)
    writeTogether(this.#down, pieces, () => done())
  }

  override _final(done: () => void): void {
    if (this.#down.writable) this.#down.end()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#up.close()
    this.#down.destroy()
    done(error)
  }
}

/** What the worker and its subprocesses print. A reader that leaves early does not stop them. */
export class WorkerOutput extends Readable {
  readonly #inflow: Inflow

  constructor(socket: Socket) {
    super()
    this.#inflow = new Inflow(socket, this)
  }

  /** Nobody prints any more: the last lines stay readable. */
  async finish(): Promise<void> {
    await this.#inflow.finish()
  }

  override _read(): void {
    this.#inflow.resume()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#inflow.discard()
    done(error)
  }
}
