import { cancelRuns } from './is-run.ts'
import { nonEmptyRunList } from './run-list.ts'

/**
 * The outcome of the first one that ends, well or not. The others are cancelled, and are gone when `race` settles.
 * Throws a `TypeError` for an empty list.
 */
export async function race<const T extends readonly unknown[]>(runs: T): Promise<Awaited<T[number]>> {
  const list = nonEmptyRunList(runs, race)
  try {
    return (await Promise.race(list)) as Awaited<T[number]>
  } finally {
    await cancelRuns(list, 'another run was faster')
  }
}
