import { realClock } from '../../core/clock.ts'

/** The time of a view; a test holds its own. */
export interface Clock {
  now(): number
  /** Calls back after each interval until the answer is called. */
  every(ms: number, tick: () => void): () => void
}

export const systemClock: Clock = {
  now: () => realClock.now(),
  every(ms, tick) {
    const timer = setInterval(tick, ms)
    timer.unref()
    return () => clearInterval(timer)
  },
}
