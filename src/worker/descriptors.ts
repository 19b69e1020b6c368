import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { writeTogether } from '../protocol/write-together.ts'

/** The worker's channel as one stream: what arrives on one descriptor, what leaves on the other. */
export class DescriptorChannel extends Duplex {
  readonly #in: Socket
  readonly #out: Socket

  constructor(inFd: number, outFd: number) {
    super()
    this.#in = new Socket({ fd: inFd, readable: true, writable: false })
    this.#out = new Socket({ fd: outFd, readable: false, writable: true })
    this.#in.on('data', (chunk) => {
      if (!this.push(chunk)) this.#in.pause()
    })
    this.#in.on('end', () => this.push(null))
    for (const socket of [this.#in, this.#out]) socket.on('error', (error) => this.destroy(error))
  }

  override _read(): void {
    this.#in.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#out.write(chunk, done)
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    const pieces = chunks.map(({ chunk }) => chunk)
    writeTogether(this.#out, pieces, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#out.end(done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#in.destroy()
    this.#out.destroy()
    done(error)
  }
}
