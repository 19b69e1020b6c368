/**
 * Milliseconds from now on, for a deadline that the cluster counts. The host's clock may be set back, and the steady one stands still while
 * the host sleeps: the larger counts. Set forward, the clock makes a lease that much longer, which ends nothing that lives; a lease that
 * is too short would.
 */
export function stopwatch(): () => number {
  const since = { clock: Date.now(), steady: performance.now() }
  return () => Math.max(Date.now() - since.clock, performance.now() - since.steady)
}
