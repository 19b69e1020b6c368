/** What `group`, `timeout` and `map` have in common: a scope inside the current one, and a body that runs in it. */
import { onAbort } from './abort.ts'
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
 * or cancelled. A body that ignores its cancelling, from inside or with the scope around, is not waited for once nothing runs in the scope
 * any more. `answer` gives what the user holds: nobody has to listen to it when it only passes on that the scope around is cancelled.
 */
export function runBody<T>(
  inner: InnerScope,
  body: () => T | Promise<T>,
  orphans: 'cancel' | 'wait',
  answer: () => Promise<unknown>,
): Promise<T> {
  const driven = drive(inner, body, orphans).catch((error: unknown) => {
    // Nobody can be expected to listen to a body that the end of its owner cancelled.
    if (inner.around.signal.aborted || (inner.around.isEnded && error instanceof TaskCancelledError)) result.catch(() => undefined)
    if (inner.around.signal.aborted && error === inner.around.signal.reason) answer().catch(() => undefined)
    throw error
  })
  const result = stoppable(driven, async (reason) => {
    inner.fail(lost(reason))
    await result.catch(() => undefined)
  })
  return result
}

async function drive<T>({ around, scope, failed }: InnerScope, body: () => T | Promise<T>, orphans: 'cancel' | 'wait'): Promise<T> {
  let output: { value: T } | undefined
  let failure: { error: unknown } | undefined
  const { cancelled, stopListening } = cancelledAround(around.signal, scope)
  const running = runInScope(scope, async () => await body())
  try {
    output = { value: await Promise.race([running, failed, cancelled]) }
    if (orphans === 'wait') await Promise.race([scope.idle(), failed])
  } catch (error) {
    failure = { error }
    scope.cancel(error)
    await scope.idle()
    around.leaveBehind(running)
  } finally {
    stopListening()
  }
  const unseen = await scope.close('cancel')
  if (failure) throw failure.error
  if (unseen) throw unseen
  return (output as { value: T }).value
}

/** Rejects when the scope around is cancelled and nothing runs in this one any more: a body that hears it has its say before. */
function cancelledAround(signal: AbortSignal, scope: Scope): { cancelled: Promise<never>; stopListening: () => void } {
  let reject!: (error: unknown) => void
  const cancelled = new Promise<never>((_, rejectCancelled) => (reject = rejectCancelled))
  cancelled.catch(() => undefined)
  const stopListening = onAbort(signal, () => void scope.idle().then(() => reject(signal.reason)))
  return { cancelled, stopListening }
}
