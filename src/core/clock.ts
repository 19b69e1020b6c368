/** What time is for waits that a test may hold back: `delay`, `timeout`, retries, named limits. */
export interface Clock {
  /** Milliseconds since 1970, as the host's clock said when this process started, and from there on evenly. */
  now(): number
  /** Calls back after that many milliseconds. Answers how to stop it. */
  after(ms: number, then: () => void): () => void
}

export const realClock: Clock = {
  // The host's clock may be set meanwhile, and what lasted 5 s must not have lasted -1 h.
  now: () => Math.round(performance.timeOrigin + performance.now()),
  after(ms, then) {
    const timer = setTimeout(then, ms)
    return () => clearTimeout(timer)
  },
}
