import { checkedFor } from './caller-line.ts'
import { cancellable } from './cancellable.ts'
import { parseDuration, type Duration } from './duration.ts'
import { currentClock } from './scope.ts'
import { holding } from './stoppable.ts'

/** Waits. Rejects at once when the task or group around it, or the given signal, is cancelled. */
export function delay(duration: Duration, options: { signal?: AbortSignal | undefined } = {}): Promise<void> {
  return holding(async (holds) => {
    const ms = checkedFor(delay, () => parseDuration(duration, 'delay'))
    const waiting = cancellable<void>((resolve) => currentClock().after(ms, resolve), options.signal)
    holds([waiting])
    await waiting
  })
}
