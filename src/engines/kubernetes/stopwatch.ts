import { uptime } from 'node:os'

/**
 * Milliseconds from now on, by clocks that nobody sets: for leases, which the cluster counts by its own. Node's steady clock stands still
 * while the host sleeps, its time since the boot does not; that may be coarse, so the larger counts.
 */
export function stopwatch(sinceBootSeconds: () => number = uptime): () => number {
  const since = { boot: sinceBootSeconds(), steady: performance.now() }
  return () => Math.max((sinceBootSeconds() - since.boot) * 1_000, performance.now() - since.steady)
}
