import { atCallerLine } from './caller-line.ts'
import { isRun } from './is-run.ts'
import { notRuns } from './run-list.ts'
import { show } from './show.ts'
import { cancelAll, holding } from './stoppable.ts'

export interface JoinOptions {
  /** What happens to the others when one fails: cancelled and gone before `join` rejects (unless told), or left alone. */
  onError?: 'cancel' | 'leave' | undefined
}

type Awaitable<T> = PromiseLike<T> | T
type AwaitedAll<T> = { -readonly [K in keyof T]: Awaited<T[K]> }

/**
 * Waits for all of them and gives their outputs in the same shape: a tuple, a list or a record.
 * When one fails the others are cancelled, and `join` rejects with the first failure once they are gone.
 *
 * @example
 * const [user, orders] = await join([loadUser({ id }), loadOrders({ id })])
 * const { user, orders } = await join({ user: loadUser({ id }), orders: loadOrders({ id }) })
 */
export function join<const T extends readonly unknown[]>(runs: T, options?: JoinOptions): Promise<AwaitedAll<T>>
export function join<T>(runs: Iterable<Awaitable<T>>, options?: JoinOptions): Promise<Awaited<T>[]>
export function join<T extends Record<string, unknown>>(runs: T, options?: JoinOptions): Promise<AwaitedAll<T>>
export function join(runs: unknown, options: JoinOptions = {}): Promise<unknown> {
  return holding(async (holds) => {
    const [list, shape] = readJoin(runs, options)
    holds(list)
    return shape(await joinList(list, options.onError))
  })
}

/** The runs as a list, and how their outputs take the shape of what was given. */
function readJoin(runs: unknown, { onError = 'cancel' }: JoinOptions): [unknown[], (outputs: unknown[]) => unknown] {
  if (onError !== 'cancel' && onError !== 'leave')
    throw atCallerLine(new TypeError(`join() has no onError ${show(onError)}: write "cancel" or "leave".`), join)
  if (typeof runs !== 'object' || runs === null || isRun(runs) || runs instanceof Promise)
    throw notRuns(runs, join, 'a list or a record of runs')
  if (Symbol.iterator in runs) return [[...(runs as Iterable<unknown>)], (outputs) => outputs]
  const keys = Object.keys(runs)
  return [Object.values(runs), (outputs) => Object.fromEntries(keys.map((key, index) => [key, outputs[index]]))]
}

async function joinList(runs: unknown[], onError: JoinOptions['onError']): Promise<unknown[]> {
  try {
    return await Promise.all(runs)
  } catch (error) {
    if (onError !== 'leave') await cancelAll(runs, 'a run that it was joined with failed')
    throw error
  }
}
