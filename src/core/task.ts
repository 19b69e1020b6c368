import type { InferInput, InferOutput, StandardSchemaV1 } from './standard-schema.ts'
import type { TaskContext } from './context.ts'
import type { TaskDefinition, TaskPlace } from './definition.ts'
import { NotSerializableError } from './errors.ts'
import type { ErrorClass } from './error-wire.ts'
import { createRunId } from './ids.ts'
import type { TaskOptions } from './options.ts'
import { createPlace, locate, nameOf } from './registry.ts'
import { mergeOptions, resolveOptions } from './resolve-options.ts'
import { rootScope, stillLoading } from './root.ts'
import { TaskRun } from './run.ts'
import { currentScope } from './scope.ts'
import { encode } from './values/encode.ts'
import type { Unserializable } from './wire-types.ts'

/** Options of one call. */
export type CallOptions = TaskOptions & {
  /** Cancels the run when it aborts. */
  signal?: AbortSignal | undefined
  /** The run's id: a DNS label, unique in its run tree. Made up unless told. */
  id?: string | undefined
}

type CallArguments<I> = {} extends I ? [input?: I, options?: CallOptions] : [input: I, options?: CallOptions]

/** A function whose every call is a run in a worker of its own. */
export interface Task<I, O> {
  (...args: CallArguments<I>): TaskRun<O>
  /** The same task with these options under those of a call. */
  with(options: TaskOptions & { signal?: AbortSignal | undefined }): Task<I, O>
  readonly '~task': TaskDefinition & { readonly types?: { input: I; output: O } }
}

/** The input of a task that takes none. */
export type NoInput = { readonly [key: string]: never }
/** Not callable: the name of the problem is the message. */
export interface InvalidTask<Problem extends string> {
  readonly '~invalid': Problem
}
type BadInput<I> = I extends readonly unknown[] | ((...args: never[]) => unknown) ? 'input' : I extends object ? never : 'input'
type Bad<I, O> = BadInput<I> | Unserializable<I, 'input'> | Unserializable<O, 'output'>
type Checked<I, O> = [Bad<I, O>] extends [never] ? Task<I, O> : InvalidTask<`${Bad<I, O>} cannot cross a container border`>
type InputOf<S> = S extends StandardSchemaV1 ? InferInput<S> : never
type OutputOf<S> = S extends StandardSchemaV1 ? InferOutput<S> : never
type SerializableOutput<R> = [Unserializable<Awaited<R>, 'output'>] extends [never]
  ? unknown
  : { readonly 'not serializable': Unserializable<Awaited<R>, 'output'> }

/**
 * Makes a task of an async function. Each call of the task is a run in a worker of its own.
 * The function takes one object and a context; input and output are data that can cross a border (see docs/values.md).
 */
export function task<I = NoInput, R = void>(run: (input: I, context: TaskContext) => Promise<R>): Checked<I, R>
/** The same with options and schemas: any validator that speaks Standard Schema. */
export function task<
  SI extends StandardSchemaV1 | undefined = undefined,
  SO extends StandardSchemaV1 | undefined = undefined,
  I extends object = NoInput,
  R = void,
>(
  definition: TaskOptions & {
    input?: SI
    output?: SO
    description?: string
    /** Where workers find the task, `jobs/math:square`; overrides what is found out. */
    ref?: string
    /** Error classes that callers get back as instances. */
    errors?: readonly ErrorClass[]
    run(
      input: SI extends StandardSchemaV1 ? OutputOf<SI> : I,
      context: TaskContext,
    ): SO extends StandardSchemaV1 ? Promise<InputOf<SO>> | InputOf<SO> : (Promise<R> | R) & SerializableOutput<R>
  },
): Task<SI extends StandardSchemaV1 ? InputOf<SI> : I, SO extends StandardSchemaV1 ? OutputOf<SO> : R>
export function task(definition: unknown): unknown {
  const place = createPlace(task as (...args: never[]) => unknown)
  return createTask((place.definition = readDefinition(definition, place)))
}

interface WrittenDefinition extends TaskOptions {
  input?: StandardSchemaV1
  output?: StandardSchemaV1
  description?: string
  ref?: string
  errors?: readonly ErrorClass[]
  run: TaskDefinition['run']
}

function readDefinition(written: unknown, place: TaskPlace): TaskDefinition {
  if (typeof written === 'function') return { place, options: {}, run: written as TaskDefinition['run'] }
  if (typeof written !== 'object' || written === null || typeof (written as WrittenDefinition).run !== 'function') {
    throw new TypeError(
      `task() takes an async function, or an object with a run function; it got ${written === null ? 'null' : typeof written}.`,
    )
  }
  const { input, output, description, ref, errors, run, ...options } = written as WrittenDefinition
  resolveOptions(options, 'task()')
  if (ref) place.ref = readRef(ref)
  return { place, options, description, input, output, errors, run: run.bind(written) }
}

function readRef(ref: string): { module: string; export: string } {
  const at = ref.lastIndexOf(':')
  if (at < 1 || at === ref.length - 1)
    throw new TypeError(`ref: ${JSON.stringify(ref)} is not a task's place: write "module:export", such as "jobs/math:square".`)
  return { module: ref.slice(0, at), export: ref.slice(at + 1) }
}

function createTask(definition: TaskDefinition, signal?: AbortSignal): Task<unknown, unknown> {
  const callable = (...args: unknown[]): TaskRun<unknown> => call(definition, signal, args, callable)
  return Object.assign(callable, {
    '~task': definition,
    with(options: TaskOptions & { signal?: AbortSignal | undefined }): Task<unknown, unknown> {
      const { signal: linked = signal, ...more } = options
      resolveOptions(more, `${nameOf(definition.place)}.with()`)
      return createTask({ ...definition, options: mergeOptions(definition.options, more) }, linked)
    },
  }) as unknown as Task<unknown, unknown>
}

/** What a task's call does: everything that can be refused is refused here, then a run begins. */
function call(
  definition: TaskDefinition,
  linked: AbortSignal | undefined,
  args: unknown[],
  callable: (...args: unknown[]) => unknown,
): TaskRun<unknown> {
  const scope = currentScope() ?? rootScope()
  if (scope.loading) throw stillLoading()
  const name = nameOf(definition.place)
  const callStack = captureStack(callable)
  let request = { id: createRunId(name), task: locate(definition.place), input: encode({}), options: {}, shield: scope.shield }
  let signal = linked
  try {
    scope.assertOpen(name)
    const { signal: own, id, ...options } = readCallOptions(args, name)
    signal = own ?? linked
    request = {
      ...request,
      id: id ?? createRunId(options.name ?? definition.options.name ?? name),
      input: encodeInput(args, name),
      options: resolveOptions(mergeOptions(scope.defaults, definition.options, options), `${name}()`),
    }
    return new TaskRun({ scope, definition, request, callStack, signal })
  } catch (error) {
    return new TaskRun({ scope, definition, request, callStack, signal, refused: error as Error })
  }
}

function readCallOptions(args: unknown[], name: string): CallOptions {
  if (args.length > 2)
    throw new TypeError(`${name}() takes one input object and options; it got ${args.length} arguments. Write ${name}({ key: value }).`)
  const options = args[1] ?? {}
  if (typeof options !== 'object') throw new TypeError(`${name}() takes options as its second argument; it got ${typeof options}.`)
  return options as CallOptions
}

function encodeInput(args: unknown[], name: string): ReturnType<typeof encode> {
  const input = args[0] === undefined ? {} : args[0]
  const encoded = encode(input, 'input')
  if (typeof input !== 'object' || input === null || Array.isArray(input) || Object.getPrototypeOf(input) instanceof Map) {
    throw new NotSerializableError(
      `${name}() takes one input object; it got ${Array.isArray(input) ? 'an array' : input === null ? 'null' : typeof input}. Write ${name}({ key: value }).`,
    )
  }
  return encoded
}

/** The frames of the call in the user's code. */
function captureStack(below: (...args: unknown[]) => unknown): string {
  const holder: { stack?: string } = {}
  Error.captureStackTrace(holder, below)
  return (holder.stack ?? '').split('\n').slice(1).join('\n')
}
