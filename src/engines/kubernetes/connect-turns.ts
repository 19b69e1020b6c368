/**
 * Who may try to connect to its pod, and when. A pod says by no event that it listens, and its being "running" is told hundreds of
 * milliseconds late; so it is tried. But each try costs the API server a handshake, and the node some of the time that the pod needs.
 *
 * 1. The first try comes when most pods of late have not yet been there, the next ones in small steps of that time.
 * 2. All pods that are waited for share one rate.
 * 3. A pod that takes unusually long (its image is being pulled) is tried seldom; the watch wakes it.
 */
import { setTimeout as pause } from 'node:timers/promises'

const perSecond = 100
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

  /** Resolves when it is this pod's turn. */
  async wait(pod: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    let known = this.#waiting.get(pod)
    if (!known) this.#waiting.set(pod, (known = { since: performance.now(), tries: 0, wake: new AbortController(), wokenAt: undefined }))
    if (known.wake.signal.aborted) known.wake = new AbortController()
    const ms = this.#pauseMs(known)
    known.tries++
    await pause(ms, undefined, { signal: AbortSignal.any([signal, known.wake.signal]) }).catch(() => signal.throwIfAborted())
  }

  /** Its container runs. */
  wake(pod: string): void {
    const known = this.#waiting.get(pod)
    if (!known || known.wokenAt !== undefined) return
    known.wokenAt = performance.now()
    known.wake.abort()
  }

  /** It is connected. */
  arrive(pod: string): void {
    const known = this.#waiting.get(pod)
    this.#waiting.delete(pod)
    if (!known || known.tries === 0) return
    const tookMs = Math.min(performance.now() - known.since, 4 * this.#usualMs)
    this.#usualMs += (tookMs - this.#usualMs) / 4
  }

  /** It is given up. */
  leave(pod: string): void {
    this.#waiting.delete(pod)
  }

  #pauseMs({ since, tries, wokenAt }: Waiting): number {
    if (tries === 0) return this.#usualMs * firstShare
    const sharedMs = (this.#waiting.size / perSecond) * 1000
    const stepMs = Math.max(shortestMs, sharedMs, this.#usualMs * stepShare)
    const waitedMs = performance.now() - (wokenAt ?? since)
    return Math.max(sharedMs, Math.min(longestMs, waitedMs > 4 * this.#usualMs ? Math.max(stepMs, waitedMs / 10) : stepMs))
  }
}
