/**
 * What a supervisor does all the time and starts do not see fail: its lease is renewed, its pods are watched. Where the API server
 * refuses that in its own words, twice in a row, no start can go well, and each is told so instead of waiting.
 */
import { ApiError } from './api-error.ts'

/** A server that has just begun may refuse once what it will allow. */
const certain = 2

/** The lease of pods, or the watch of them. */
export type Lasting = 'lease' | 'watch'

export class Refusals {
  readonly #counts = new Map<Lasting, number>()
  readonly #refused = new Map<Lasting, ApiError>()
  readonly #followers = new Set<(error: ApiError) => void>()

  /** How it went this time; undefined: well. What says nothing of rights changes nothing. */
  hear(what: Lasting, error: unknown): void {
    if (error === undefined) {
      this.#counts.delete(what)
      this.#refused.delete(what)
      return
    }
    if (!isRefusal(error)) return
    const count = (this.#counts.get(what) ?? 0) + 1
    this.#counts.set(what, count)
    if (count < certain) return
    this.#refused.set(what, error)
    for (const tell of this.#followers) tell(error)
  }

  /** Tells what is refused, now or later, until the signal aborts. */
  follow(signal: AbortSignal, tell: (error: ApiError) => void): void {
    if (signal.aborted) return
    for (const error of this.#refused.values()) tell(error)
    this.#followers.add(tell)
    signal.addEventListener('abort', () => this.#followers.delete(tell), { once: true })
  }
}

/** Not a proxy's page: those have no reason. */
function isRefusal(error: unknown): error is ApiError {
  if (!(error instanceof ApiError)) return false
  return (error.status === 403 && error.reason === 'Forbidden') || (error.status === 401 && error.reason === 'Unauthorized')
}
