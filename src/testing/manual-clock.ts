import { realClock, type Clock } from '../core/clock.ts'

interface Timer {
  at: number
  readonly run: () => void
  stop?: () => void
}

/** A clock that stands still until it is moved. What waits for no time at all is called back at once. */
export class ManualClock implements Clock {
  #now = Date.now()
  #isFree = false
  /** In the order in which they were set. */
  readonly #timers = new Set<Timer>()
  readonly #onUse: () => void

  /** `onUse` hears of each timer that is set. */
  constructor(onUse: () => void) {
    this.#onUse = onUse
  }

  now(): number {
    return this.#now
  }

  after(ms: number, then: () => void): () => void {
    this.#onUse()
    const timer: Timer = { at: this.#now + ms, run: then }
    this.#timers.add(timer)
    if (this.#isFree) this.#setReal(timer)
    else if (ms <= 0) this.#setNow(timer)
    return () => {
      this.#timers.delete(timer)
      timer.stop?.()
    }
  }

  /** Moves it on, from one timer to the next, and waits at each for `rest`. */
  async advance(ms: number, rest: () => Promise<void>): Promise<void> {
    const until = this.#now + ms
    await rest()
    for (let next = this.#next(until); next; next = this.#next(until)) {
      this.#now = Math.max(this.#now, next.at)
      this.#fire(next)
      await rest()
    }
    this.#now = Math.max(this.#now, until)
  }

  /** From now on time passes by itself. */
  free(): void {
    this.#isFree = true
    for (const timer of this.#timers) if (!timer.stop) this.#setReal(timer)
  }

  #next(until: number): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) if (!timer.stop && timer.at <= until && (!first || timer.at < first.at)) first = timer
    return first
  }

  #setReal(timer: Timer): void {
    timer.stop = realClock.after(timer.at - this.#now, () => this.#fire(timer))
  }

  #setNow(timer: Timer): void {
    const turn = setImmediate(() => this.#fire(timer))
    timer.stop = () => clearImmediate(turn)
  }

  #fire(timer: Timer): void {
    this.#timers.delete(timer)
    timer.run()
  }
}
