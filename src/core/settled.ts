import type { Settled } from './run.ts'
import { runList } from './run-list.ts'
import { holding } from './stoppable.ts'

/**
 * Waits for all of them and gives each outcome as a value, `{ ok: true, value }` or `{ ok: false, error }`, in the same order.
 * Never rejects for a run that failed, and cancels nothing.
 */
export function settled<const T extends readonly unknown[]>(runs: T): Promise<{ -readonly [K in keyof T]: Settled<Awaited<T[K]>> }>
export function settled<T>(runs: Iterable<PromiseLike<T> | T>): Promise<Settled<Awaited<T>>[]>
export function settled(runs: unknown): Promise<unknown> {
  return holding(async (holds) => {
    const list = runList(runs, settled)
    holds(list)
    const outcomes = await Promise.allSettled(list)
    return outcomes.map((outcome) =>
      outcome.status === 'fulfilled' ? { ok: true, value: outcome.value } : { ok: false, error: outcome.reason as Error },
    )
  })
}
