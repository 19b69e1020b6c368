import { UsageError } from '../../core/errors.ts'

/** Where runs are looked for. */
export interface Search {
  /** Also in a cluster that nothing but a kubeconfig names. It may be far away. */
  readonly everywhere?: boolean
}

/** Nobody who was asked knows what is wanted. */
export class NothingFound extends UsageError {}

/** Looks near first, and everywhere when that comes to nothing: `act` throws before it has changed anything. */
export async function searching<T>(act: (search: Search) => Promise<T>): Promise<T> {
  try {
    return await act({})
  } catch (error) {
    if (!(error instanceof NothingFound)) throw error
    return await act({ everywhere: true })
  }
}
