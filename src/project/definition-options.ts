import { abortable } from '../core/abortable.ts'
import type { TaskRef } from '../core/events.ts'
import type { RunOptions } from '../core/options.ts'
import { SharedWork } from '../core/shared-work.ts'
import type { CompiledTree } from './compile-project.ts'
import { describe, type TaskDescription } from './describe.ts'

type Asking = SharedWork<readonly TaskDescription[], never>

/**
 * Answers how to learn what a task's definition says, for a caller that does not load it. Undefined, if its module cannot tell, or does not export
 * it: its worker says why. A module is asked once for all who wait for it, and no longer than one of them does.
 */
export function definitionOptions(
  tree: () => Promise<CompiledTree>,
): (task: TaskRef, signal: AbortSignal) => Promise<RunOptions | undefined> {
  const underWay = new Map<string, Asking>()
  return async (task, signal) => {
    const compiled = await abortable(tree(), signal)
    const known = underWay.get(task.module)
    const asking = known && !known.failed ? known : ask(compiled, task.module, underWay)
    try {
      const tasks = await asking.wait(signal)
      return tasks.find((each) => each.export === task.export)?.options
    } catch {
      signal.throwIfAborted()
      return undefined
    }
  }
}

/** What has been told is in the cache folder. */
function ask(tree: CompiledTree, module: string, underWay: Map<string, Asking>): Asking {
  const asking: Asking = new SharedWork(async (signal) => {
    try {
      return await describe(tree, module, { signal })
    } finally {
      if (underWay.get(module) === asking) underWay.delete(module)
    }
  })
  underWay.set(module, asking)
  return asking
}
