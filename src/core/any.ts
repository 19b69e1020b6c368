import { cancelRuns } from './is-run.ts'
import { nonEmptyRunList } from './run-list.ts'

/**
 * The output of the first one that ends well. The others are cancelled, and are gone when `any` resolves.
 * When none ends well it rejects with an `AggregateError` that holds each error, in the order of the list.
 */
export async function any<const T extends readonly unknown[]>(runs: T): Promise<Awaited<T[number]>> {
  const list = nonEmptyRunList(runs, any)
  try {
    return (await Promise.any(list)) as Awaited<T[number]>
  } catch (error) {
    const { errors } = error as AggregateError
    const messages = errors.map((each) => (each instanceof Error ? each.message : String(each)))
    throw new AggregateError(errors, `None of ${list.length} ended well: ${messages.join('; ')}`)
  } finally {
    await cancelRuns(list, 'another run was faster')
  }
}
