import { parseDuration, type Duration } from './duration.ts'
import { currentScope } from './scope.ts'

/** Waits. Rejects at once when the task around it, or the given signal, is cancelled. */
export async function delay(duration: Duration, options: { signal?: AbortSignal | undefined } = {}): Promise<void> {
  const ms = parseDuration(duration, 'delay')
  const signals = [currentScope()?.signal, options.signal].filter((signal) => signal !== undefined)
  for (const signal of signals) signal.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => finish(resolve), ms)
    const abort = (): void => finish(() => reject(signals.find((signal) => signal.aborted)?.reason as Error))
    const finish = (then: () => void): void => {
      clearTimeout(timer)
      for (const signal of signals) signal.removeEventListener('abort', abort)
      then()
    }
    for (const signal of signals) signal.addEventListener('abort', abort, { once: true })
  })
}
