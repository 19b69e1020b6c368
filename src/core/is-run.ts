import type { TaskRun } from './run.ts'
import type { OwnedRun } from './scope.ts'

const runBrand = Symbol.for('cowait.run')

/** Any run, whatever its output. */
export type AnyRun = Promise<unknown> & Pick<TaskRun<unknown>, 'id' | 'status' | 'cancel'>

/** A run, also of another copy of this package in the process. */
export function isRun(value: unknown): value is AnyRun {
  return typeof value === 'object' && value !== null && runBrand in value
}

/** A run as its scope sees it, where waiting for its end does not count as looking at it. */
export function ownedRun(run: AnyRun): OwnedRun & { waiters: number } {
  return (run as unknown as { [runBrand]: OwnedRun & { waiters: number } })[runBrand]
}
