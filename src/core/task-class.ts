import type { TaskContext } from './context.ts'
import type { Settled } from './run.ts'
import type { StandardSchemaV1 } from './standard-schema.ts'
import type { Remote } from './types.ts'
import type { TaskOptions } from './options.ts'

/**
 * A task as a class: `export const counter = task(Counter)`. One instance a run; the static fields `input`, `output` and `options`
 * say what the object form says, fields made by `rpc()` are what the caller may call. `C` is what the task calls at its caller.
 */
export abstract class TaskClass<C = {}> {
  /** The run's context; there from `init` on. */
  declare readonly ctx: TaskContext<undefined, C>
  declare readonly '~calls'?: C

  /** The caller's handlers. */
  get parent(): Remote<C> {
    return this.ctx.parent
  }

  abstract run(input: never): unknown
  /** Runs first, before the input is looked at. */
  init?(): void | Promise<void>
  /** May change the input; its result is validated. */
  before?(input: never): unknown
  /** Runs after the function, also when it failed. */
  after?(outcome: Settled<unknown>): void | Promise<void>
  /** Runs beside a `run` that was cancelled and has not ended yet. */
  cancelled?(reason: unknown): void | Promise<void>
}

/** What `task()` takes as a class. */
export interface TaskClassLike {
  new (): TaskClass<never> | TaskClass
  input?: StandardSchemaV1
  output?: StandardSchemaV1
  options?: TaskOptions
}
