/**
 * Who may try to connect to its pod, and when. A pod says by no event that it listens, and its being "running" is told hundreds of
 * milliseconds late; so it is tried. But each try costs the API server a handshake, and the node some of the time that the pod needs.
 *
 * 1. The first try comes when most pods of late have not yet been there, the next ones in small steps of that time.
 * 2. All pods that are waited for share one rate, which falls with their number: where a node has many to start, the watch is soon enough.
 * 3. A pod that takes unusually long (its image is being pulled) is tried seldom; the watch wakes it.
 * 4. Those whose containers run are tried one after another where they are many, at a rate that follows how often a try succeeds: 200
 *    pods that boot on one node at once are better left alone, those that boot on a hundred nodes are there at once.
 */
import { setTimeout as pause } from 'node:timers/promises'

const perSecond = 100
const leastPerSecond = 5
/** From so many pods on, fewer tries are made for all together. */
const many = 10
/** What a try that succeeds, and one that fails, does to the rate: it settles where one in five succeeds. */
const faster = 1.5
const slower = faster ** -0.25
const shortestMs = 15
const longestMs = 1000
/** Measured on a node with nothing else to do. */
const firstGuessMs = 230
/** Of the usual time: before the first try, and between two. */
const firstShare = 0.7
const stepShare = 0.08

interface Waiting {
  readonly since: number
  tries: number
  wake: AbortController
  wokenAt: number | undefined
}

export class ConnectTurns {
  readonly #waiting = new Map<string, Waiting>()
  #usualMs = firstGuessMs
  /** How many of them run. */
  #awake = 0
  /** Tries per second of those, where they are many. */
  #rate = perSecond
  /** Those of them that wait for their turn, in its order. */
  readonly #line = new Set<() => void>()
  #next: NodeJS.Timeout | undefined

  /** Resolves when it is this pod's turn. */
  async wait(pod: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    let known = this.#waiting.get(pod)
    if (!known) this.#waiting.set(pod, (known = { since: performance.now(), tries: 0, wake: new AbortController(), wokenAt: undefined }))
    if (known.wake.signal.aborted) known.wake = new AbortController()
    const isAgain = known.tries++ > 0
    if (known.wokenAt !== undefined && isAgain) {
      this.#rate = Math.max(leastPerSecond, this.#rate * slower)
      if (this.#awake > many) return await this.#turn(signal)
    }
    const ms = isAgain ? this.#pauseMs(known) : this.#usualMs * firstShare
    await pause(ms, undefined, { signal: AbortSignal.any([signal, known.wake.signal]) }).catch(() => signal.throwIfAborted())
  }

  /** Its container runs. */
  wake(pod: string): void {
    const known = this.#waiting.get(pod)
    if (!known || known.wokenAt !== undefined) return
    known.wokenAt = performance.now()
    this.#awake++
    known.wake.abort()
  }

  /** It is connected. */
  arrive(pod: string): void {
    const known = this.#waiting.get(pod)
    this.leave(pod)
    if (!known || known.tries === 0) return
    this.#rate = Math.min(perSecond, this.#rate * faster)
    const tookMs = Math.min(performance.now() - known.since, 4 * this.#usualMs)
    this.#usualMs += (tookMs - this.#usualMs) / 4
  }

  /** It is given up. */
  leave(pod: string): void {
    if (this.#waiting.get(pod)?.wokenAt !== undefined) this.#awake--
    this.#waiting.delete(pod)
  }

  #pauseMs({ since, wokenAt }: Waiting): number {
    const count = wokenAt === undefined ? this.#waiting.size - this.#awake : this.#awake
    const sharedMs = (count / perSecond) * 1000 * Math.max(1, count / many)
    const waitedMs = performance.now() - (wokenAt ?? since)
    const isUnusual = wokenAt !== undefined || waitedMs > 4 * this.#usualMs
    const stepMs = Math.max(shortestMs, wokenAt === undefined ? this.#usualMs * stepShare : 0, isUnusual ? waitedMs / 10 : 0)
    return Math.max(sharedMs, Math.min(longestMs, stepMs))
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        signal.removeEventListener('abort', stop)
        resolve()
      }
      const stop = (): void => {
        this.#line.delete(begin)
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', stop, { once: true })
      this.#line.add(begin)
      this.#goOn()
    })
  }

  #goOn(): void {
    if (this.#next || this.#line.size === 0) return
    this.#next = setTimeout(
      () => {
        this.#next = undefined
        const [begin] = this.#line
        if (begin) this.#line.delete(begin)
        begin?.()
        this.#goOn()
      },
      1000 / (this.#awake > many ? this.#rate : perSecond),
    )
  }
}
