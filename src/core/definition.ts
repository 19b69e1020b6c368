import type { TaskContext } from './context.ts'
import type { ErrorClass } from './error-wire.ts'
import type { TaskRef } from './events.ts'
import type { TaskOptions } from './options.ts'
import type { Settled } from './run.ts'
import type { StandardSchemaV1 } from './standard-schema.ts'

/** What a task knows of its place. Shared by copies of this package, so plain data. */
export interface TaskPlace {
  /** Set when its compiled module registered, or by the `ref` option. */
  ref?: TaskRef
  readonly file: string
  readonly line: number
  readonly column: number
  /** The n-th task (from 0) created while its file loaded. */
  readonly ordinal: number
  /** Memo of the name that the source text told; null: it told none. */
  exportName?: string | null
  definition?: TaskDefinition
}

/** What a task is, whichever way it was written. */
export interface TaskDefinition {
  readonly place: TaskPlace
  readonly options: TaskOptions
  readonly description?: string | undefined
  readonly input?: StandardSchemaV1 | undefined
  readonly output?: StandardSchemaV1 | undefined
  readonly errors?: readonly ErrorClass[] | undefined
  /** The methods that a caller may call; undefined where the caller cannot know them. */
  readonly methods?: readonly string[] | undefined
  /** A hook may change the input before it is validated, so only the worker can validate it. */
  readonly changesInput?: boolean | undefined
  /** The function's own text says that it takes no input. */
  readonly takesNoInput?: boolean | undefined
  /** Code that is not loaded here: its own options are known where it is. */
  readonly isExternal?: boolean | undefined
  /** What one run needs of it. Throws for code that is not loaded here. */
  open(): TaskBody
}

/** The code of a task, for one run. */
export interface TaskBody {
  readonly state: unknown
  run(input: unknown, context: TaskContext): unknown
  init?(context: TaskContext): unknown
  before?(input: unknown, context: TaskContext): unknown
  after?(outcome: Settled<unknown>, context: TaskContext): unknown
  cancelled?(reason: unknown, context: TaskContext): unknown
  /** A method that the caller may call; undefined for every other name. */
  method(name: string): ((...args: unknown[]) => unknown) | undefined
}
