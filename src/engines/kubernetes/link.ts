/**
 * The supervisor's end of the way to one pod: connects, connects again when the stream breaks, and gives up when the pod is gone or
 * does not answer for too long.
 */
import { randomBytes, createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { ApiClient } from './api-client.ts'
import { ApiError, isPassing } from './api-error.ts'
import type { ConnectTurns } from './connect-turns.ts'
import { forward, type ForwardedStream } from './forwarded-stream.ts'
import { port } from './launch-line.ts'
import { tokenBytes } from './pod-frames.ts'
import { Session } from './session.ts'
import { withTimeLimit } from '../time-limit.ts'

export interface LinkOptions {
  readonly client: ApiClient
  /** The pod's path in the API. */
  readonly pod: string
  /** The text of the pod's program. */
  readonly program: Buffer
  readonly turns: ConnectTurns
  onFrame(type: number, payload: Buffer): void
  onRoom(): void
  /** The way is gone for good. */
  onLost(why: string): void
}

const beatMs = 4000
const silenceMs = 12_000
/** As long as the pod waits, and what a returning API server needs besides. */
const reconnectMs = 8000
/** Between two tries to connect again. */
const againMs = 150
/** So long an API server may fail before a start is given up. */
const failingMs = 30_000
/** For the pod to answer on a stream that opened. */
const answerMs = 10_000

/** The stream opened, and at its other end nobody listened yet. */
class NobodyThere extends Error {}

export class Link {
  /** SHA-256 of the token with which connections begin, hex. */
  readonly hash: string
  readonly session: Session
  readonly #options: LinkOptions
  readonly #token: Buffer = randomBytes(tokenBytes)
  readonly #stop = new AbortController()
  #stream: ForwardedStream | undefined
  #isReady = false

  constructor(options: LinkOptions) {
    this.#options = options
    this.hash = createHash('sha256').update(this.#token).digest('hex')
    this.session = new Session({
      beatMs,
      silenceMs,
      onFrame: (type, payload) => options.onFrame(type, payload),
      onRoom: () => options.onRoom(),
      onBroken: (why) => void this.#reconnect(why),
    })
  }

  /** Resolves when the pod has answered. Tries until the signal aborts; rejects when the cluster refuses. */
  async open(signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, this.#stop.signal])
    await this.#connect(either)
    this.#isReady = true
  }

  /** Lets go of it; the pod's guard takes that for the supervisor's end. */
  close(): void {
    this.#stop.abort()
    this.session.detach()
    this.#stream?.destroy()
  }

  async #connect(signal: AbortSignal): Promise<void> {
    let failingSince = Infinity
    for (;;) {
      // A pod that was there before is there still, or gone.
      if (this.#isReady) await pause(againMs, undefined, { signal })
      else await this.#options.turns.wait(this.#options.pod, signal)
      try {
        return await this.#attempt(signal)
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof NobodyThere) {
          failingSince = Infinity
          continue
        }
        // 400: the pod has no node yet. 404: it is gone, which the watch tells with its cause.
        const mayPass = isPassing(error) || (error instanceof ApiError && (error.status === 400 || error.status === 404))
        failingSince = Math.min(failingSince, performance.now())
        const isAwaited = error instanceof ApiError && error.status === 400
        if (!mayPass || (!isAwaited && performance.now() - failingSince > failingMs)) throw error
      }
    }
  }

  /** Resolves when the pod has answered on this stream. */
  async #attempt(signal: AbortSignal): Promise<void> {
    const { client, pod, program } = this.#options
    const stream = await forward(client, pod, port, signal)
    this.#stream = stream
    const isFirst = !this.session.hasHeard
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => stream.destroy(), answerMs)
      const stop = (): void => stream.destroy()
      signal.addEventListener('abort', stop, { once: true })
      let hasAnswered = false
      stream.onEnd = (why) => {
        clearTimeout(late)
        signal.removeEventListener('abort', stop)
        if (!hasAnswered) {
          this.session.detach()
          return reject(signal.aborted ? (signal.reason as Error) : new NobodyThere(why))
        }
        if (this.#stream !== stream) return
        this.session.detach()
        void this.#reconnect(why)
      }
      stream.onData = (bytes) => {
        if (!hasAnswered) {
          hasAnswered = true
          clearTimeout(late)
          signal.removeEventListener('abort', stop)
          resolve()
        }
        if (this.#stream === stream) this.session.take(bytes)
      }
      const head = Buffer.alloc(tokenBytes + 4)
      this.#token.copy(head)
      head.writeUInt32BE(isFirst ? program.length : 0, tokenBytes)
      stream.write(isFirst ? Buffer.concat([head, program]) : head)
      this.session.attach({ write: (bytes) => stream.write(bytes), destroy: () => stream.destroy() }, isFirst)
    })
  }

  async #reconnect(why: string): Promise<void> {
    if (this.#stop.signal.aborted || !this.#isReady) return
    this.#stream = undefined
    const late = new Error(`It did not come back within ${reconnectMs / 1000} s.`)
    try {
      await withTimeLimit({ ms: reconnectMs, late, outer: this.#stop.signal }, (signal) => this.#connect(signal))
    } catch (error) {
      if (this.#stop.signal.aborted) return
      const refused = error instanceof ApiError ? `: ${error.message}` : ''
      this.close()
      this.#options.onLost(`${why}${refused}`)
    }
  }
}
