import { atCallerLine } from './caller-line.ts'
import { rootScope } from './root.ts'
import { currentScope, runInScope } from './scope.ts'
import { show } from './show.ts'

/**
 * Calls made inside start and go on although the task around is cancelled: for the `finally` block of a cancelled task. The task's end
 * waits for them, within its grace. Gives what the function gives.
 *
 * @example
 * try { await work() } finally { await shield(() => cleanUp()) }
 */
export function shield<T>(body: () => T): T {
  if (typeof body !== 'function')
    throw atCallerLine(new TypeError(`shield() takes a function; it got ${show(body)}. Write shield(() => cleanUp()).`), shield)
  return runInScope((currentScope() ?? rootScope()).open({ shield: true }), body)
}
