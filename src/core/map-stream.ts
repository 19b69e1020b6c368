import { TaskCancelledError } from './errors.ts'
import { planMap, type Items, type MapOptions } from './map-plan.ts'
import { openScope } from './open-scope.ts'
import { Pool, type Finished, type PoolPlan } from './pool.ts'
import { reasonText } from './reason-text.ts'
import { rootScope } from './root.ts'
import { currentScope, type Scope } from './scope.ts'
import type { Extras, Task } from './types.ts'

/** One item of `mapStream`, done. */
export interface Mapped<I, O> {
  /** The item's position among the items. */
  index: number
  item: I
  value: O
}

/**
 * The same as `map`, but gives each output as it is ready. A slow reader holds it back: no more than `concurrency` calls and untaken
 * outputs exist at once. Leaving the loop cancels what runs and waits until it is gone.
 *
 * @example
 * for await (const { item, value } of mapStream(square, items)) console.log(item.n, value)
 */
export function mapStream<I, O, X extends Extras>(
  task: Task<I, O, X>,
  items: Items<I>,
  options?: MapOptions,
): AsyncGenerator<Mapped<I, O>, void>
export function mapStream<V, R>(
  fn: (item: V, index: number) => R,
  items: Items<V>,
  options?: MapOptions,
): AsyncGenerator<Mapped<V, Awaited<R>>, void>
export function mapStream(work: unknown, items: unknown, options: MapOptions = {}): AsyncGenerator<Mapped<unknown, unknown>, void> {
  return streamPlan(planMap(mapStream, work, items, options), options.signal)
}

/** Carries a plan out, in the scope that is current now: whoever reads the results may do so from another one. */
export function streamPlan<V, R>(
  plan: PoolPlan<V, R>,
  signal: AbortSignal | undefined,
  losing?: AbortSignal,
): AsyncGenerator<Finished<V, R>, void> {
  return stream(plan, [signal, losing], currentScope() ?? rootScope())
}

async function* stream<V, R>(
  plan: PoolPlan<V, R>,
  [signal, losing]: readonly [AbortSignal | undefined, AbortSignal | undefined],
  around: Scope,
): AsyncGenerator<Finished<V, R>, void> {
  const inner = openScope(around, plan.frames)
  const stopsFollowing = [signal, losing].map((each) => each && inner.scope.follow(each))
  const pool = new Pool(plan, inner)
  try {
    for (let next = await pool.next(); next; next = await pool.next()) yield next
  } catch (error) {
    throw signal?.aborted && error === signal.reason ? cancelledBy(signal) : error
  } finally {
    for (const stop of stopsFollowing) stop?.()
    await pool.end()
  }
}

function cancelledBy({ reason }: AbortSignal): Error {
  const why = reasonText(reason, 'its signal was aborted')
  return new TaskCancelledError({ task: 'map', message: `The calls of map were cancelled by their signal: ${why}` })
}
