import { nonEmptyRunList } from './run-list.ts'
import { cancelAll, holding } from './stoppable.ts'

/**
 * The outcome of the first one that ends, well or not. The others are cancelled, and are gone when `race` settles.
 * Throws a `TypeError` for an empty list.
 */
export function race<const T extends readonly unknown[]>(runs: T): Promise<Awaited<T[number]>> {
  return holding(async (holds) => {
    const list = nonEmptyRunList(runs, race)
    holds(list)
    try {
      return await Promise.race(list)
    } finally {
      await cancelAll(list, 'another run was faster')
    }
  }) as Promise<Awaited<T[number]>>
}
