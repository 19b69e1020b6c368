import { withStack } from './call-error.ts'
import { atCallerLine, checkedFor } from './caller-line.ts'
import type { LimitRule } from './caller.ts'
import { cancellable } from './cancellable.ts'
import { UsageError } from './errors.ts'
import { rootScope } from './root.ts'
import { currentScope } from './scope.ts'
import { show } from './show.ts'
import { giveBack, holding } from './stoppable.ts'

const maxNameLength = 200

/** A limit that all tasks of a run tree share. */
export interface Limit {
  /** Waits for a place; disposing the answer gives it back, and so does the end of the run. Rejects when the task or group around is cancelled. */
  acquire(): Promise<Disposable>
  /** Runs a function in a place of its own. */
  run<T>(body: () => T | Promise<T>): Promise<T>
}

/**
 * A limit by name for the whole run tree, in whichever workers its tasks run: at most `concurrency` places at once, at most `perSecond`
 * places begun in any second, first come first served. The first use of a name fixes its rule; using it with another one is an error.
 *
 * @example
 * const api = limit('api', { concurrency: 5, perSecond: 10 })
 * const page = await api.run(() => fetch(url))
 */
export function limit(name: string, rule: { concurrency?: number | undefined; perSecond?: number | undefined }): Limit {
  const checked = readRule(name, rule)
  const acquire = (): Promise<Disposable> => waitForPlace(name, checked, acquire)
  const run = async <T>(body: () => T | Promise<T>): Promise<T> => {
    const place = await waitForPlace(name, checked, run)
    try {
      return await body()
    } finally {
      place[Symbol.dispose]()
    }
  }
  return { acquire, run }
}

function waitForPlace(name: string, rule: LimitRule, below: (...args: never[]) => unknown): Promise<Disposable> {
  return holding(async (holds) => {
    const scope = currentScope() ?? rootScope()
    const refused = atCallerLine(new UsageError(''), below)
    checkedFor(below, () => scope.assertOpen(`limit ${show(name)}`))
    const place = scope.caller.acquire(name, rule)
    const waiting = cancellable<void>((resolve, reject) => {
      place.granted.then(resolve, (error: Error) => reject(withStack(error, framesOf(refused))))
      return () => place.release()
    })
    holds([waiting])
    await waiting
    return { [Symbol.dispose]: () => place.release() }
  }, giveBack)
}

function readRule(name: unknown, rule: unknown): LimitRule {
  const { concurrency, perSecond } = (rule ?? {}) as LimitRule
  const problem =
    typeof name !== 'string' || name === '' || name.length > maxNameLength
      ? `takes a name of 1 to ${maxNameLength} characters first; it got ${show(name)}`
      : concurrency === undefined && perSecond === undefined
        ? `needs concurrency, perSecond or both; it got ${show(rule)}`
        : concurrency !== undefined && !(Number.isSafeInteger(concurrency) && concurrency > 0)
          ? `has concurrency ${show(concurrency)}: a whole number above 0 is needed`
          : perSecond !== undefined && !(Number.isFinite(perSecond) && perSecond > 0)
            ? `has perSecond ${show(perSecond)}: a number above 0 is needed`
            : undefined
  if (problem) throw atCallerLine(new UsageError(`limit() ${problem}. Write limit("api", { concurrency: 5, perSecond: 10 }).`), limit)
  return { ...(concurrency === undefined ? {} : { concurrency }), ...(perSecond === undefined ? {} : { perSecond }) }
}

function framesOf({ stack = '' }: Error): string {
  return stack.split('\n').slice(1).join('\n')
}
