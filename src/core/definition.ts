import type { TaskContext } from './context.ts'
import type { ErrorClass } from './error-wire.ts'
import type { TaskRef } from './events.ts'
import type { TaskOptions } from './options.ts'
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
  readonly run: (input: never, context: TaskContext) => unknown
}
