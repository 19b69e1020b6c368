import type { TaskRef } from '../core/events.ts'
import type { RunOptions } from '../core/options.ts'
import type { CompiledTree } from './compile-project.ts'
import { describe } from './describe.ts'

/** What a task's definition says, for a caller that does not load it. Nothing, if its module cannot tell: then its worker says why. */
export async function definitionOptions(tree: CompiledTree, task: TaskRef): Promise<RunOptions> {
  try {
    const tasks = await describe(tree, task.module)
    return tasks.find((each) => each.export === task.export)?.options ?? {}
  } catch {
    return {}
  }
}
