import { runList } from './run-list.ts'
import { cancelAll } from './stoppable.ts'

/** One of the runs, at the moment when it has ended well. */
export interface Completed<R> {
  /** Its position in the list. */
  index: number
  run: R
  value: Awaited<R>
}

/**
 * Gives them as they end well, the fastest first. Throws the first failure. Leaving the loop, by `break` or by an error,
 * cancels the rest and waits until they are gone.
 */
export function asCompleted<R>(runs: Iterable<R>): AsyncGenerator<Completed<R>, void> {
  return complete(runList(runs, asCompleted) as R[])
}

async function* complete<R>(runs: R[]): AsyncGenerator<Completed<R>, void> {
  const takers: ((next: Promise<Completed<R>>) => void)[] = []
  const slots = runs.map(() => new Promise<Completed<R>>((resolve) => takers.push(resolve)))
  runs.forEach((run, index) => {
    const completed = Promise.resolve(run).then((value) => ({ index, run, value }) as Completed<R>)
    const settle = (): void => takers.shift()?.(completed)
    completed.then(settle, settle)
  })
  for (const slot of slots) slot.catch(() => undefined)
  try {
    for (const slot of slots) yield await slot
  } finally {
    await cancelAll(runs, 'nobody waits for it any more')
  }
}
