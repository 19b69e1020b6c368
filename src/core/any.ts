import { nonEmptyRunList } from './run-list.ts'
import { cancelAll, holding } from './stoppable.ts'

/**
 * The output of the first one that ends well. The others are cancelled, and are gone when `any` resolves.
 * When none ends well it rejects with an `AggregateError` that holds each error, in the order of the list.
 */
export function any<const T extends readonly unknown[]>(runs: T): Promise<Awaited<T[number]>> {
  return holding(async (holds) => {
    const list = nonEmptyRunList(runs, any)
    holds(list)
    return await firstSuccess(list)
  }) as Promise<Awaited<T[number]>>
}

async function firstSuccess(list: unknown[]): Promise<unknown> {
  try {
    return await Promise.any(list)
  } catch (error) {
    const { errors } = error as AggregateError
    const messages = errors.map((each) => (each instanceof Error ? each.message : String(each)))
    throw new AggregateError(errors, `None of ${list.length} ended well: ${messages.join('; ')}`)
  } finally {
    await cancelAll(list, 'another run was faster')
  }
}
