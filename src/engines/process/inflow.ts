import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'

const QUIET_MS = 20
const QUIET_TURNS = 3
const MAX_TURNS = 50

/**
 * Moves what arrives on a socket into a stream that somebody reads. Unlike the socket itself, the stream can be ended while
 * another process still holds the other side open, and nothing that had arrived by then is lost.
 */
export class Inflow {
  readonly #socket: Socket
  readonly #target: Readable
  readonly #ended: Promise<void>
  #isOpen = true
  #isFinishing = false
  #received = 0

  constructor(socket: Socket, target: Readable) {
    this.#socket = socket
    this.#target = target
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', () => {})
    this.#ended = new Promise((settle) => {
      const onEnd = (): void => {
        this.#end()
        settle()
      }
      socket.once('end', onEnd).once('close', onEnd)
    })
  }

  /** The reader wants more. */
  resume(): void {
    this.#socket.resume()
  }

  /** Nobody reads any more; whoever writes must not notice. */
  discard(): void {
    this.#isOpen = false
    this.#socket.resume()
  }

  close(): void {
    this.#isOpen = false
    this.#socket.destroy()
  }

  /**
   * To be called when nobody writes any more. What the kernel still holds is bounded, so it is taken without regard to the reader's
   * pace; then the stream ends, at the latest when a process that should not be there has kept quiet, or a second is over.
   */
  async finish(): Promise<void> {
    this.#isFinishing = true
    this.#socket.resume()
    let isOver = false
    void this.#ended.then(() => (isOver = true))
    for (let turn = 0, quiet = 0; turn < MAX_TURNS && quiet < QUIET_TURNS; turn++) {
      const before = this.#received
      await Promise.race([this.#ended, delay(QUIET_MS, undefined, { ref: false })])
      // After a blocked loop the timer is served before the socket is.
      if (!isOver) await nextTurn()
      if (isOver) break
      quiet = this.#received === before ? quiet + 1 : 0
    }
    this.#end()
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    this.#received += chunk.length
    if (!this.#isOpen) return
    if (!this.#target.push(chunk) && !this.#isFinishing) this.#socket.pause()
  }

  #end(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    if (!this.#target.destroyed) this.#target.push(null)
  }
}
