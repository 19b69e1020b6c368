import type { CancelReason } from '../core/caller.ts'
import { callerOf, type CallerIdentity } from './caller-identity.ts'

/** A call whose input is still on its way, or whose task is still asked for its options. */
export interface Arrival {
  readonly identity: CallerIdentity
  /** Ends what it waits for: its run will not start. */
  readonly stop: AbortController
  /** Why it was cancelled. */
  cancelled?: CancelReason
  /** There will be no run of it. */
  isDropped: boolean
}

/** Those that there are, by id, and how many of them are one caller's. */
export class Arrivals {
  readonly #byId = new Map<string, Arrival>()
  readonly #ofCaller = new Map<string, number>()

  get size(): number {
    return this.#byId.size
  }

  get(child: string): Arrival | undefined {
    return this.#byId.get(child)
  }

  /** The id is free. */
  add(child: string, arrival: Arrival): void {
    this.#byId.set(child, arrival)
    this.#count(arrival, 1)
  }

  delete(child: string): void {
    const arrival = this.#byId.get(child)
    if (arrival && this.#byId.delete(child)) this.#count(arrival, -1)
  }

  ofCaller(identity: CallerIdentity): number {
    return this.#ofCaller.get(callerOf(identity)) ?? 0
  }

  [Symbol.iterator](): Iterator<[string, Arrival]> {
    return this.#byId.entries()
  }

  #count({ identity }: Arrival, change: number): void {
    const caller = callerOf(identity)
    const count = this.ofCaller(identity) + change
    if (count > 0) this.#ofCaller.set(caller, count)
    else this.#ofCaller.delete(caller)
  }
}
