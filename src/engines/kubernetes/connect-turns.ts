/**
 * Who may try to connect to its pod, and when. A pod says by no event that it listens, so it is tried again and again; all pods that
 * are waited for share one rate, or two hundred of them would drown the API server in handshakes.
 *
 * A pod of which nothing is known but that its image is being pulled is tried seldom; the watch wakes it (`wake`).
 */
import { setTimeout as pause } from 'node:timers/promises'

const perSecond = 100
const shortestMs = 15
const longestMs = 1000
/** From then on a try is made less often each time. */
const eagerMs = 1500

export class ConnectTurns {
  readonly #waiting = new Map<string, { since: number; wake: AbortController }>()

  /** Resolves when it is this pod's turn. The first turn comes at once. */
  async wait(pod: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const known = this.#waiting.get(pod)
    if (!known) {
      this.#waiting.set(pod, { since: Date.now(), wake: new AbortController() })
      return
    }
    const waitedMs = Date.now() - known.since
    const sharedMs = (this.#waiting.size / perSecond) * 1000
    const ms = Math.min(longestMs, Math.max(shortestMs, sharedMs, waitedMs > eagerMs ? waitedMs / 10 : 0))
    if (known.wake.signal.aborted) known.wake = new AbortController()
    await pause(ms, undefined, { signal: AbortSignal.any([signal, known.wake.signal]) }).catch(() => signal.throwIfAborted())
  }

  /** Something happened to that pod. */
  wake(pod: string): void {
    const known = this.#waiting.get(pod)
    if (!known) return
    known.since = Date.now()
    known.wake.abort()
  }

  /** It is connected, or given up. */
  leave(pod: string): void {
    this.#waiting.delete(pod)
  }
}
