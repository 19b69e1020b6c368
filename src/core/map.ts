import { planMap, type Items, type MapOptions } from './map-plan.ts'
import { streamPlan } from './map-stream.ts'
import { lost, stoppable } from './stoppable.ts'
import type { Extras, Task } from './types.ts'

/**
 * Calls a task, or a function, for each item, at most `concurrency` at once, and gives the outputs in the order of the items.
 * Items are pulled when there is room for them, so they may be endless, slow or asynchronous. The first failure cancels the other
 * calls, and `map` rejects with it once they are gone.
 *
 * @example
 * const squares = await map(square, [{ n: 1 }, { n: 2 }], { concurrency: 2 })
 */
export function map<I, O, X extends Extras>(task: Task<I, O, X>, items: Items<I>, options?: MapOptions): Promise<O[]>
export function map<V, R>(fn: (item: V, index: number) => R, items: Items<V>, options?: MapOptions): Promise<Awaited<R>[]>
export function map(work: unknown, items: unknown, options: MapOptions = {}): Promise<unknown[]> {
  const losing = new AbortController()
  const mapped = collect(work, items, options, losing.signal)
  return stoppable(mapped, async (reason) => {
    losing.abort(lost(reason))
    await mapped.catch(() => undefined)
  })
}

async function collect(work: unknown, items: unknown, options: MapOptions, losing: AbortSignal): Promise<unknown[]> {
  const outputs: unknown[] = []
  for await (const { index, value } of streamPlan(planMap(map, work, items, options), options.signal, losing)) outputs[index] = value
  return outputs
}
