/**
 * The supervisor's end of the way to one pod: connects, connects again when the stream breaks, and gives up when the pod is gone or
 * does not answer for too long.
 *
 * The first connection goes through the API server in any case: it is there 700 ms before the cluster tells the pod's address, and it
 * alone is sure to end in the pod that was asked for. From a supervisor inside the cluster it carries no more than our program and a
 * key, with which all else goes to the pod's own address (direct-tls.ts).
 */
import { randomBytes, createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { EngineError } from '../../core/errors.ts'
import type { ApiClient } from './api-client.ts'
import { ApiError, isPassing, retryAfterMs } from './api-error.ts'
import type { ConnectTurns } from './connect-turns.ts'
import type { DirectWay } from './direct-stream.ts'
import { keyBytes } from './direct-tls.ts'
import { forward } from './forwarded-stream.ts'
import { port } from './launch-line.ts'
import { down, tokenBytes, up, type Listen, type Listening } from './pod-frames.ts'
import type { PodStream } from './pod-stream.ts'
import { readListening } from './pod-words.ts'
import { Session } from './session.ts'
import { withTimeLimit } from '../time-limit.ts'

export interface LinkOptions {
  readonly client: ApiClient
  /** The pod's path in the API. */
  readonly pod: string
  /** The text of the pod's program. */
  readonly program: Buffer
  readonly turns: ConnectTurns
  /** For a channel that goes to the pod's own address. */
  readonly direct?: Direct | undefined
  onFrame(type: number, payload: Buffer): void
  onRoom(): void
  /** The way is gone for good. */
  onLost(why: string): void
}

/** How the pod's own address is reached. */
export interface Direct {
  /** On which the pod is to listen. */
  readonly port: number
  /** So long its address may take to answer at first: what lets us through may hear of a new pod a little later. */
  readonly answerMs: number
  connect(way: DirectWay, signal: AbortSignal): Promise<PodStream>
}

const beatMs = 4000
const silenceMs = 12_000
/** As long as the pod waits, and what a returning API server needs besides. */
const reconnectMs = 8000
/** Between two tries to connect again. */
const againMs = 150
/** However long a busy API server wants to be left alone. */
const longestPauseMs = 3000
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
  #stream: PodStream | undefined
  /** Where the pod is reached from now on. */
  #way: DirectWay | undefined
  #hasConnected = false
  /** Why the last try failed. */
  #problem = ''
  #onListening: (listening: Listening) => void = () => {}

  constructor(options: LinkOptions) {
    this.#options = options
    this.hash = createHash('sha256').update(this.#token).digest('hex')
    this.session = new Session({
      beatMs,
      silenceMs,
      onFrame: (type, payload) => {
        if (type === up.listening) this.#onListening(readListening(payload))
        else options.onFrame(type, payload)
      },
      onRoom: () => options.onRoom(),
      onBroken: (why) => void this.#reconnect(why),
    })
  }

  /** Resolves when the pod has answered. Tries until the signal aborts; rejects when the cluster refuses. */
  async open(signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, this.#stop.signal])
    await this.#connect(either)
    this.#hasConnected = true
    if (this.#options.direct) await this.#goDirect(this.#options.direct, either)
  }

  /** Lets go of it; the pod's guard takes that for the supervisor's end. */
  close(): void {
    this.#stop.abort()
    this.session.detach()
    this.#stream?.destroy()
  }

  /** Changes over to the pod's own address. The connection so far stays until then: without one the pod would end. */
  async #goDirect({ port: wanted, answerMs: ms }: Direct, outer: AbortSignal): Promise<void> {
    const key = randomBytes(keyBytes)
    const late = new Error('no answer')
    let forwarded: PodStream | undefined
    try {
      await withTimeLimit({ ms, late, outer }, async (signal) => {
        const listening = await new Promise<Listening>((resolve, reject) => {
          this.#onListening = resolve
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
          const request: Listen = { port: wanted, key: key.toString('base64') }
          this.session.send(down.listen, Buffer.from(JSON.stringify(request)))
        })
        if ('problem' in listening) throw new EngineError(`The program in the pod cannot listen on port ${wanted}: ${listening.problem}`)
        forwarded = this.#stream
        this.#stream = undefined
        this.session.detach()
        this.#way = { ...listening, key }
        await this.#connect(signal)
      })
    } catch (error) {
      if (error !== late) throw error
      throw new EngineError(
        `The pod's address does not answer on port ${wanted} (${this.#way?.addresses.join(', ') ?? 'unknown'}): ${this.#problem || late.message}`,
        {
          hint: `Let supervisors through to TCP port ${wanted} of their pods (a NetworkPolicy may forbid it), or set "channel" to "forward".`,
        },
      )
    } finally {
      forwarded?.destroy()
    }
  }

  async #connect(signal: AbortSignal): Promise<void> {
    let failingSince = Infinity
    for (let tries = 0; ; tries++) {
      // A pod that was there before is there still, or gone.
      if (this.#way && tries === 0) signal.throwIfAborted()
      else if (this.#hasConnected) await pause(againMs, undefined, { signal })
      else await this.#options.turns.wait(this.#options.pod, signal)
      try {
        return await this.#attempt(signal)
      } catch (error) {
        signal.throwIfAborted()
        this.#problem = (error as Error).message
        if (this.#way) continue
        if (error instanceof NobodyThere) {
          failingSince = Infinity
          continue
        }
        // 400: the pod has no node yet. 404: it is gone, which the watch tells with its cause.
        const mayPass = isPassing(error) || (error instanceof ApiError && (error.status === 400 || error.status === 404))
        failingSince = Math.min(failingSince, performance.now())
        // The last is the node's word: it has not heard of the pod yet, which takes a node with much to do a while.
        const isAwaited = error instanceof ApiError && (error.status === 400 || error.message.startsWith('pod not found'))
        // A pod that was there before is worth the whole time that it waits, whatever stands between.
        if (!this.#hasConnected && (!mayPass || (!isAwaited && performance.now() - failingSince > failingMs))) throw error
        // Not for longer than a pod waits that was there before.
        await pause(Math.min(retryAfterMs(error), longestPauseMs), undefined, { signal })
      }
    }
  }

  /** Resolves when the pod has answered on this stream. */
  async #attempt(signal: AbortSignal): Promise<void> {
    const { client, pod, direct } = this.#options
    const way = this.#way
    const stream = direct && way ? await direct.connect(way, signal) : await forward(client, pod, port, signal)
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
      if (!way) stream.write(this.#head(isFirst))
      this.session.attach({ write: (bytes, onWritten) => stream.write(bytes, onWritten), destroy: () => stream.destroy() }, isFirst)
    })
  }

  /** What a forwarded connection begins with. */
  #head(isFirst: boolean): Buffer {
    const { program } = this.#options
    const head = Buffer.alloc(tokenBytes + 4)
    this.#token.copy(head)
    head.writeUInt32BE(isFirst ? program.length : 0, tokenBytes)
    return isFirst ? Buffer.concat([head, program]) : head
  }

  async #reconnect(why: string): Promise<void> {
    if (this.#stop.signal.aborted || !this.#hasConnected) return
    this.#stream = undefined
    this.#problem = ''
    const late = new Error(`It did not come back within ${reconnectMs / 1000} s.`)
    try {
      await withTimeLimit({ ms: reconnectMs, late, outer: this.#stop.signal }, (signal) => this.#connect(signal))
    } catch {
      if (this.#stop.signal.aborted) return
      const refused = this.#problem && `: ${this.#problem}`
      // Whoever still waits for it is told.
      this.#stop.abort(new EngineError(`The connection to the pod broke: ${why}${refused}`))
      this.close()
      this.#options.onLost(`${why}${refused}`)
    }
  }
}
