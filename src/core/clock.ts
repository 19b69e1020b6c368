/** What time is for waits that a test may hold back: `delay`, `timeout`, retries, named limits. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Calls back after that many milliseconds. Answers how to stop it. */
  after(ms: number, then: () => void): () => void
}

export const realClock: Clock = {
  now: () => Date.now(),
  after(ms, then) {
    const timer = setTimeout(then, ms)
    return () => clearTimeout(timer)
  },
}
