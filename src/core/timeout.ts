import { atCallerLine, checkedFor } from './caller-line.ts'
import { formatDuration, parseDuration, type Duration } from './duration.ts'
import { TaskTimeoutError } from './errors.ts'
import { openScope, runBody } from './open-scope.ts'
import { currentClock } from './scope.ts'
import { show } from './show.ts'
import { holding } from './stoppable.ts'

/**
 * Gives a function a limit of time. When it is over everything that was called inside is cancelled, and `timeout` rejects with a
 * `TaskTimeoutError` once that is gone. Pass the signal on to what is no task. What the function leaves unfinished is cancelled too.
 *
 * @example
 * const page = await timeout('30s', (signal) => fetch(url, { signal }))
 */
export function timeout<T>(limit: Duration, body: (signal: AbortSignal) => T | Promise<T>): Promise<T> {
  const answer: Promise<T> = holding(async (holds) => await runWithin(limit, body, holds, () => answer))
  return answer
}

async function runWithin<T>(
  limit: Duration,
  body: (signal: AbortSignal) => T | Promise<T>,
  holds: (values: readonly unknown[]) => void,
  answer: () => Promise<unknown>,
): Promise<T> {
  const ms = checkedFor(timeout, () => parseDuration(limit, 'timeout'))
  if (typeof body !== 'function')
    throw atCallerLine(
      new TypeError(`timeout() takes a function second; it got ${show(body)}. Write timeout("30s", () => sleep()).`),
      timeout,
    )
  const inner = openScope()
  const { id = '', name = 'timeout' } = inner.scope.context ?? {}
  const message = `timed out after ${formatDuration(ms)}`
  const late = atCallerLine(new TaskTimeoutError({ taskId: id, task: name, message }), timeout)
  const stop = currentClock().after(ms, () => inner.fail(late))
  try {
    const running = runBody(inner, () => body(inner.scope.signal), 'cancel', answer)
    holds([running])
    return await running
  } finally {
    stop()
  }
}
