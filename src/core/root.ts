import type { Scope } from './scope.ts'

/**
 * Calls from outside of any task: the first one makes this process a client with a supervisor of its own.
 * What that takes (threads, engines, a compiler) is loaded by the first call and not before.
 */
let root: Scope | undefined
let opener: ((onEnd: () => void) => Scope) | undefined

/** The package's entry says how a process becomes a root. */
export function setRootOpener(open: (onEnd: () => void) => Scope): void {
  opener = open
  root = undefined
}

export function rootScope(): Scope {
  if ((globalThis as { [key: symbol]: unknown })[Symbol.for('cowait.worker')]) {
    throw stillLoading()
  }
  root ??= opener?.(() => (root = undefined))
  if (!root) throw new Error('A task was called where there is no runtime: import it from a script, or run it with `cowait run`.')
  return root
}

/** A module that calls a task while it loads would start itself again in each worker. */
export function stillLoading(): Error {
  return new Error(
    "A task was called while its module was still loading. Put top-level calls behind `if (isMain(import.meta))`, with `import { isMain } from 'cowait'`; in CommonJS behind `if (require.main === module)`.",
  )
}
