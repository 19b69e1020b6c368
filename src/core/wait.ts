import { atCallerLine, checkedFor } from './caller-line.ts'
import { cancellable } from './cancellable.ts'
import { parseDuration, type Duration } from './duration.ts'
import { isRun, ownedRun, type AnyRun } from './is-run.ts'
import { runList } from './run-list.ts'
import { currentClock } from './scope.ts'
import { show } from './show.ts'

export interface WaitOptions {
  /** `all` unless told. `first-failure`: until one did not end well, or all have ended. */
  until?: 'all' | 'first' | 'first-failure' | undefined
  /** Answers then with what there is; waits as long as it takes unless told. */
  timeout?: Duration | undefined
}

/**
 * Waits until all of them have ended, or the first one has, or the first one failed, or the time is over, and tells which are which,
 * in the order of the list. Cancels nothing and does not look at the outcomes: await what is `done` to get outputs and errors.
 */
export async function wait<R extends AnyRun>(
  runs: Iterable<R>,
  { until = 'all', timeout }: WaitOptions = {},
): Promise<{ done: R[]; pending: R[] }> {
  const list = runList(runs, wait) as R[]
  const stranger = list.find((run) => !isRun(run))
  if (stranger !== undefined || !['all', 'first', 'first-failure'].includes(until))
    throw atCallerLine(new TypeError(refusal(stranger, until)), wait)
  const ms = timeout === undefined ? undefined : checkedFor(wait, () => parseDuration(timeout, 'wait: timeout'))
  const owned = list.map(ownedRun)
  let stop: (() => void) | undefined
  for (const run of owned) run.waiters++
  try {
    await cancellable<void>((resolve) => {
      const check = (): void => void (isOver(list, until) && resolve())
      for (const run of owned) void run.gone.then(check)
      check()
      if (ms !== undefined) stop = currentClock().after(ms, resolve)
      return () => undefined
    })
  } finally {
    stop?.()
    for (const run of owned) run.waiters--
  }
  return { done: list.filter(hasEnded), pending: list.filter((run) => !hasEnded(run)) }
}

function hasEnded({ status }: AnyRun): boolean {
  return status === 'done' || status === 'failed' || status === 'cancelled'
}

function isOver(runs: readonly AnyRun[], until: 'all' | 'first' | 'first-failure'): boolean {
  if (runs.every(hasEnded)) return true
  if (until === 'all') return false
  return runs.some((run) => hasEnded(run) && (until === 'first' || run.status !== 'done'))
}

function refusal(stranger: unknown, until: unknown): string {
  if (stranger !== undefined) return `wait() takes a list of runs; ${show(stranger)} is none. Pass what a task's call gave you, unawaited.`
  return `wait() has no until ${show(until)}: write "all", "first" or "first-failure".`
}
