/** Milliseconds from now on. The host's clock may be set back, and the steady one stands still while the host sleeps: the larger counts. */
export function stopwatch(): () => number {
  const since = { clock: Date.now(), steady: performance.now() }
  return () => Math.max(Date.now() - since.clock, performance.now() - since.steady)
}
