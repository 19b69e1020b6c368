import { beginCall } from './begin-call.ts'
import { checkSignal } from './check-signal.ts'
import type { TaskContext } from './context.ts'
import type { Contract } from './contract.ts'
import type { TaskDefinition } from './definition.ts'
import type { ErrorClass } from './error-wire.ts'
import { UsageError } from './errors.ts'
import type { TaskOptions } from './options.ts'
import { readDefinition } from './read-definition.ts'
import { createPlace, nameOf } from './registry.ts'
import { mergeOptions, resolveOptions } from './resolve-options.ts'
import type { Settled, TaskRun } from './run.ts'
import { show } from './show.ts'
import type { StandardSchemaV1 } from './standard-schema.ts'
import type { TaskClassLike } from './task-class.ts'
import type {
  AnyFunction,
  Body,
  Checked,
  ExtrasOf,
  NoInput,
  SchemaInput,
  SchemaOutput,
  SerializableOutput,
  Task,
  TaskOfClass,
} from './types.ts'

export type { NoInput, Task } from './types.ts'

/** What a task may do around its function. In order: `init`, `before`, validation, the function, `after`. */
interface Hooks<Context> {
  /** Runs first, before the input is looked at. */
  init?(context: Context): void | Promise<void>
  /** May change the input; what it gives is validated. The input is as the caller sent it. */
  before?(input: never, context: Context): unknown
  /** Runs after the function and everything that it called, also when it failed. */
  after?(outcome: Settled<unknown>, context: Context): void | Promise<void>
  /** Runs beside a function that was cancelled and has not ended yet. */
  cancelled?(reason: unknown, context: Context): void | Promise<void>
}

/**
 * Makes a task of an async function. Each call of the task is a run in a worker of its own.
 * The function takes one object and a context; input and output are data that can cross a border (see docs/values.md).
 * An async generator makes a task that streams what it yields.
 */
// oxlint-disable-next-line typescript/no-explicit-any -- the bound of what is inferred
export function task<I = NoInput, F extends Promise<any> | AsyncGenerator<any, any, void> = Promise<void>>(
  run: (input: I, context: TaskContext) => F,
): Checked<I, F>
/** Makes a task of a class that extends `TaskClass`; each run has an instance of its own. */
export function task<K extends TaskClassLike>(definition: K): TaskOfClass<K>
/** Makes a task of a function with options and schemas: any validator that speaks Standard Schema. */
export function task<
  SI extends StandardSchemaV1 | undefined = undefined,
  SO extends StandardSchemaV1 | undefined = undefined,
  I extends object = NoInput,
  R = void,
  Y = never,
  S = undefined,
  C = {},
  M extends { [name: string]: AnyFunction | undefined } = {},
>(
  definition: TaskOptions &
    Hooks<TaskContext<S, C>> & {
      input?: SI
      output?: SO
      description?: string
      /** Where workers find the task, `jobs/math:square`; overrides what is found out. */
      ref?: string
      /** What the task calls at its caller: `contract<{ limit(): number }>()`. */
      parent?: Contract<C>
      /** Makes what the function has as `state` and the rpc methods as `this`; once a run. */
      state?: () => S
      /** Methods that the caller may call while the function runs. */
      rpc?: M & ThisType<S>
      /** Error classes that callers get back as instances. */
      errors?: readonly ErrorClass[]
      run(
        input: SI extends StandardSchemaV1 ? SchemaOutput<SI> : I,
        context: TaskContext<S, C>,
      ): SO extends StandardSchemaV1 ? Body<SchemaInput<SO>, Y> : Body<R, Y> & SerializableOutput<R>
    },
): Task<SI extends StandardSchemaV1 ? SchemaInput<SI> : I, SO extends StandardSchemaV1 ? SchemaOutput<SO> : R, ExtrasOf<M, C, Y>>
export function task(definition: unknown, ...more: unknown[]): unknown {
  if (more.length > 0)
    throw new UsageError(
      `task() takes one argument, not also ${show(more[0])}. Options stand beside run: task({ timeout: '1m', run: ... }).`,
    )
  const place = createPlace(task as (...args: never[]) => unknown)
  return createTask((place.definition = readDefinition(definition, place)))
}

/** A callable task of a definition. */
export function createTask(definition: TaskDefinition, signal?: AbortSignal): Task<unknown, unknown> {
  const callable = (...args: unknown[]): TaskRun<unknown> => beginCall(definition, signal, args, callable)
  return Object.assign(callable, {
    '~task': definition,
    with(options: TaskOptions & { signal?: AbortSignal | undefined }): Task<unknown, unknown> {
      const { signal: linked = signal, ...more } = options
      const place = `${nameOf(definition.place)}.with()`
      checkSignal(linked, place)
      resolveOptions(more, place)
      return createTask({ ...definition, options: mergeOptions(definition.options, more) }, linked)
    },
  }) as unknown as Task<unknown, unknown>
}
