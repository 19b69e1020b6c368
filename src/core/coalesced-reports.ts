/** They are for people. */
const reportsPerSecond = 10

export interface CoalescedReports<T> {
  readonly add: (report: T) => void
  /** Tells the report that still waits. */
  readonly flush: () => void
}

/** Tells at most 10 reports of progress a second: the first at once, and of the others the latest. */
export function coalescedReports<T extends object>(tell: (report: T) => void): CoalescedReports<T> {
  let waiting: T | undefined
  let pause: NodeJS.Timeout | undefined
  const flush = (): void => {
    if (!waiting) return
    const report = waiting
    waiting = undefined
    tell(report)
  }
  const tick = (): void => {
    pause = waiting && setTimeout(tick, 1_000 / reportsPerSecond).unref()
    flush()
  }
  const add = (report: T): void => {
    waiting = report
    if (!pause) tick()
  }
  return { add, flush }
}
