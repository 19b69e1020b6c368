/** A stretch of network between two ends that a test can pause, delay, fragment, cut and half-open. Real sockets on both sides. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

/** Two ends of one TCP connection. */
export async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [far] = (await once(server, 'connection')) as [Socket]
  if (near.connecting) await once(near, 'connect')
  server.close()
  return [near.setNoDelay(), far.setNoDelay()]
}

/** One direction. */
class Lane {
  readonly #from: Duplex
  readonly #to: Duplex
  /** What is on its way; each piece waits for the one before. */
  #tail: Promise<void> = Promise.resolve()
  #delayMs = 0
  #pieceBytes = Infinity
  #isPaused = false
  #isSilent = false
  passedBytes = 0

  constructor(from: Duplex, to: Duplex) {
    this.#from = from
    this.#to = to
    from.on('data', (chunk: Buffer) => this.#carry(chunk))
    from.on('end', () => this.#after(() => void to.end()))
    from.on('close', () => this.#after(() => void to.destroy()))
    from.on('error', () => {})
    to.on('drain', () => this.#flow())
  }

  pause(): void {
    this.#isPaused = true
    this.#flow()
  }

  resume(): void {
    this.#isPaused = false
    this.#flow()
  }

  delay(ms: number): void {
    this.#delayMs = ms
  }

  fragment(bytes: number): void {
    this.#pieceBytes = bytes
  }

  silence(): void {
    this.#isSilent = true
    this.pause()
  }

  #flow(): void {
    if (this.#isPaused || this.#to.writableNeedDrain) this.#from.pause()
    else this.#from.resume()
  }

  #carry(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; at += this.#pieceBytes) {
      const piece = chunk.subarray(at, at + this.#pieceBytes)
      this.#after(() => {
        this.passedBytes += piece.length
        if (this.#to.writable && !this.#to.write(piece)) this.#flow()
      })
    }
  }

  /** Without a delay at once, so that the proxy adds no turn of the event loop. */
  #after(step: () => void): void {
    const late = this.#delayMs > 0 ? delay(this.#delayMs) : undefined
    this.#tail = this.#tail.then(async () => {
      await late
      if (!this.#isSilent) step()
    })
  }
}

export type Direction = 'toLeft' | 'toRight' | 'both'

export class Proxy {
  readonly #left: Duplex
  readonly #right: Duplex
  readonly #lanes: { readonly toRight: Lane; readonly toLeft: Lane }

  constructor(left: Duplex, right: Duplex) {
    this.#left = left
    this.#right = right
    this.#lanes = { toRight: new Lane(left, right), toLeft: new Lane(right, left) }
  }

  passedBytes(direction: 'toLeft' | 'toRight'): number {
    return this.#lanes[direction].passedBytes
  }

  /** Nothing passes until `resume`; what is sent piles up with its sender. */
  pause(direction: Direction = 'both'): void {
    for (const lane of this.#chosen(direction)) lane.pause()
  }

  resume(direction: Direction = 'both'): void {
    for (const lane of this.#chosen(direction)) lane.resume()
  }

  /** Everything from now on arrives this much later, in order. */
  delay(ms: number, direction: Direction = 'both'): void {
    for (const lane of this.#chosen(direction)) lane.delay(ms)
  }

  /** Everything from now on passes in pieces of at most so many bytes. */
  fragment(bytes: number, direction: Direction = 'both'): void {
    for (const lane of this.#chosen(direction)) lane.fragment(bytes)
  }

  /** Both ends see the connection break. */
  cut(): void {
    this.#left.destroy()
    this.#right.destroy()
  }

  /** Nothing passes any more, ends included: neither side is told, as after a cable was pulled. */
  halfOpen(): void {
    for (const lane of this.#chosen('both')) lane.silence()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    await Promise.all([this.#left, this.#right].filter((stream) => !stream.closed).map((stream) => once(stream, 'close')))
  }

  #chosen(direction: Direction): Lane[] {
    return direction === 'both' ? [this.#lanes.toLeft, this.#lanes.toRight] : [this.#lanes[direction]]
  }
}

/** Two ends with a proxy between them. */
export async function proxiedPair(): Promise<{ left: Socket; right: Socket; proxy: Proxy }> {
  const [left, nearLeft] = await socketPair()
  const [nearRight, right] = await socketPair()
  return { left, right, proxy: new Proxy(nearLeft, nearRight) }
}
