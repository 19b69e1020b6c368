/** What `group`, `timeout` and `map` have in common: a scope inside the current one, and a body that runs in it. */
import { TaskCancelledError } from './errors.ts'
import { rootScope } from './root.ts'
import { currentScope, runInScope, type Scope } from './scope.ts'
import { lost, stoppable } from './stoppable.ts'

export interface InnerScope {
  readonly around: Scope
  readonly scope: Scope
  /** Rejects with what ended the scope from inside: the first failure that nobody looked at. */
  readonly failed: Promise<never>
  /** Ends the scope with an error: everything in it is cancelled. */
  fail(error: Error): void
}

/** Opens a scope that a failure which nobody looks at ends at once. */
export function openScope(around: Scope = currentScope() ?? rootScope(), frames?: string): InnerScope {
  let reject!: (error: Error) => void
  const failed = new Promise<never>((_, rejectFailed) => (reject = rejectFailed))
  failed.catch(() => undefined)
  const fail = (error: Error): void => {
    reject(error)
    scope.cancel(error)
  }
  const scope = around.open({ onFailure: fail, ...(frames !== undefined && { frames }) })
  return { around, scope, failed, fail }
}

/**
 * Runs a body in its scope, and settles when nothing is left of what was called in it. After the body, unfinished runs are waited for
 * or cancelled. A body that ignores its cancelling is not waited for once nothing runs in the scope any more.
 */
export function runBody<T>(inner: InnerScope, body: () => T | Promise<T>, orphans: 'cancel' | 'wait'): Promise<T> {
  const driven = drive(inner, body, orphans).catch((error: unknown) => {
    // Nobody can be expected to listen to a body that the end of its owner cancelled.
    if (inner.around.signal.aborted || (inner.around.isEnded && error instanceof TaskCancelledError)) result.catch(() => undefined)
    throw error
  })
  const result = stoppable(driven, async (reason) => {
    inner.fail(lost(reason))
    await result.catch(() => undefined)
  })
  return result
}

async function drive<T>({ scope, failed }: InnerScope, body: () => T | Promise<T>, orphans: 'cancel' | 'wait'): Promise<T> {
  let output: { value: T } | undefined
  let failure: { error: unknown } | undefined
  try {
    const running = runInScope(scope, async () => await body())
    output = { value: await Promise.race([running, failed]) }
    if (orphans === 'wait') await Promise.race([scope.idle(), failed])
  } catch (error) {
    failure = { error }
    scope.cancel(error)
    await scope.idle()
  }
  const unseen = await scope.close('cancel')
  if (failure) throw failure.error
  if (unseen) throw unseen
  return (output as { value: T }).value
}
