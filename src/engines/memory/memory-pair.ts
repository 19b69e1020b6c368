import { Duplex } from 'node:stream'

/** Two ends of a stream of bytes in this process. What one end destroys ends the other. `onTraffic` hears of everything that passes. */
export function memoryPair(onTraffic: () => void = () => undefined): [Duplex, Duplex] {
  const one = new MemoryEnd(onTraffic)
  const other = new MemoryEnd(onTraffic)
  one.peer = other
  other.peer = one
  return [one, other]
}

class MemoryEnd extends Duplex {
  peer: MemoryEnd | undefined
  readonly #onTraffic: () => void
  #onTaken: (() => void) | undefined

  constructor(onTraffic: () => void) {
    super()
    this.#onTraffic = onTraffic
  }

  /** Its reader has room again. */
  override _read(): void {
    const taken = this.#onTaken
    this.#onTaken = undefined
    taken?.()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#onTraffic()
    const { peer } = this
    if (!peer || peer.destroyed || peer.push(chunk)) return done()
    peer.#onTaken = done
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#onTraffic()
    this.peer?.push(null)
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const { peer } = this
    this.peer = undefined
    this.#onTraffic()
    this._read()
    if (peer && !peer.destroyed) process.nextTick(() => peer.destroy())
    done(error)
  }
}
