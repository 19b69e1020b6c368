import { atCallerLine } from './caller-line.ts'
import { cancelRuns, isRun } from './is-run.ts'
import { notRuns } from './run-list.ts'
import { show } from './show.ts'

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
export async function join(runs: unknown, { onError = 'cancel' }: JoinOptions = {}): Promise<unknown> {
  if (onError !== 'cancel' && onError !== 'leave')
    throw atCallerLine(new TypeError(`join() has no onError ${show(onError)}: write "cancel" or "leave".`), join)
  if (typeof runs !== 'object' || runs === null || isRun(runs) || runs instanceof Promise)
    throw notRuns(runs, join, 'a list or a record of runs')
  if (Symbol.iterator in runs) return await joinList([...(runs as Iterable<unknown>)], onError)
  const outputs = await joinList(Object.values(runs), onError)
  return Object.fromEntries(Object.keys(runs).map((key, index) => [key, outputs[index]]))
}

async function joinList(runs: unknown[], onError: 'cancel' | 'leave'): Promise<unknown[]> {
  try {
    return await Promise.all(runs)
  } catch (error) {
    if (onError === 'cancel') await cancelRuns(runs, 'a run that it was joined with failed')
    throw error
  }
}
