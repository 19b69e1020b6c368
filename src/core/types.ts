/** The types of what people write: tasks, calls, runs. `Task<I, O, X>` is input, output, and the extras in one bag, so that hovers stay short. */
/* oxlint-disable typescript/no-explicit-any -- tasks of any input must be assignable to `AnyTask`, which only `any` allows */
import type { RpcField } from './rpc-field.ts'
import type { TaskDefinition } from './definition.ts'
import type { TaskOptions } from './options.ts'
import type { TaskRun } from './run.ts'
import type { InferInput, InferOutput, StandardSchemaV1 } from './standard-schema.ts'
import type { TaskClass, TaskClassLike } from './task-class.ts'
import type { Unserializable } from './wire-types.ts'

export type AnyFunction = (...args: any[]) => any

/** What a task has besides input and output: methods that its caller may call, methods that it calls at its caller, and items. */
export interface Extras {
  rpc?: any
  calls?: any
  yields?: any
}

type Get<X, K extends string, Missing> = K extends keyof X ? X[K] : Missing
export type CallsOf<X> = Get<X, 'calls', {}>
export type MethodsOf<X> = Get<X, 'rpc', {}>

/** What a caller must offer to a task that declares `parent: contract<C>()`; a method marked optional may be left out. */
export type Handlers<C> = {
  [K in keyof C]: NonNullable<C[K]> extends (...args: infer A) => infer R ? (...args: A) => R | Promise<Awaited<R>> : never
}

type RemoteMethod<F> = F extends (...args: infer A) => infer R
  ? (...args: A) => R extends AsyncIterable<infer Y> ? AsyncIterable<Y> : Promise<Awaited<R>>
  : never

/** Methods as the other end calls them: each answers a promise, an async generator an `AsyncIterable`. */
export type Remote<M> = { readonly [K in keyof M]: RemoteMethod<NonNullable<M[K]>> | (undefined extends M[K] ? undefined : never) }

/** Options of one call. */
export type CallOptions<C = {}> = TaskOptions & {
  /** Cancels the run when it aborts. */
  signal?: AbortSignal | undefined
  /** The run's id: a DNS label. No other run of its supervisor has it until it has ended. Made up unless told. */
  id?: string | undefined
} & ({} extends C ? { handlers?: Handlers<C> | undefined } : { handlers: Handlers<C> })

export type CallArgs<I, X extends Extras = {}> =
  {} extends CallsOf<X>
    ? {} extends I
      ? [input?: I, options?: CallOptions<CallsOf<X>>]
      : [input: I, options?: CallOptions<CallsOf<X>>]
    : [input: I, options: CallOptions<CallsOf<X>>]

/** A function whose every call is a run in a worker of its own. */
export interface Task<I, O, X extends Extras = {}> {
  (...args: CallArgs<I, X>): RunOf<O, X>
  /** The same task with these options under those of a call. */
  with(options: TaskOptions & { signal?: AbortSignal | undefined }): Task<I, O, X>
  readonly '~task': TaskDefinition & { readonly types?: { input: I; output: O; extras: X } }
}

/** A run of a task that yields: its items are read by `for await`, at most 64 ahead of the reader; leaving the loop early cancels it. */
export interface StreamRun<O, Y, X extends Extras = {}> extends TaskRun<O, X>, AsyncIterable<Y> {}

export type RunOf<O, X extends Extras> = [Get<X, 'yields', never>] extends [never]
  ? TaskRun<O, X>
  : StreamRun<O, Get<X, 'yields', never>, X>

export type AnyTask = Task<any, any, any>
/** The input of a task. */
export type Input<T> = T extends Task<infer I, any, any> ? I : never
/** The output of a task. */
export type Output<T> = T extends Task<any, infer O, any> ? O : never
/** What a call of the task gives. */
export type Run<T> = T extends Task<any, infer O, infer X> ? RunOf<O, X> : never

/** The input of a task that takes none. */
export type NoInput = { readonly [key: string]: never }

/** Not callable: the name of the problem is the message. */
export interface InvalidTask<Problem extends string> {
  readonly '~invalid': Problem
}

export type OutputOf<F> = F extends AsyncGenerator<any, infer R, any> ? R : Awaited<F>
export type YieldsOf<F> = F extends AsyncGenerator<infer Y, any, any> ? Y : never
type NotOneObject = 'the input must be one object: async ({ n }: { n: number }) => ...'
type Bad<I, F> =
  | (unknown extends I ? never : I extends readonly unknown[] | AnyFunction ? NotOneObject : I extends object ? never : NotOneObject)
  | `${Unserializable<I, 'input'> | Unserializable<OutputOf<F>, 'output'> | Unserializable<YieldsOf<F>, 'yield'>} cannot cross a container border`

/** A function's task, or why it cannot be one. */
export type Checked<I, F> = [Bad<I, F>] extends [never]
  ? [YieldsOf<F>] extends [never]
    ? Task<I, OutputOf<F>>
    : Task<I, OutputOf<F>, { yields: YieldsOf<F> }>
  : InvalidTask<Bad<I, F>>

/** What has nothing in it is left out of the bag. Inferred, so that editors show the bag itself. */
export type ExtrasOf<M, C, Y> = { rpc: M; calls: C; yields: Y } extends infer All
  ? { [K in keyof All as [K extends 'yields' ? All[K] : keyof All[K]] extends [never] ? never : K]: All[K] }
  : never

export type SchemaInput<S> = S extends StandardSchemaV1 ? InferInput<S> : never
export type SchemaOutput<S> = S extends StandardSchemaV1 ? InferOutput<S> : never

/** What a task's function may give back. */
export type Body<R, Y> = R | Promise<R> | AsyncGenerator<Y, R, void>

/** Put beside an output that cannot cross, it makes the compiler name the path. */
export type SerializableOutput<R> = [Unserializable<R, 'output'>] extends [never]
  ? unknown
  : { readonly 'not serializable': Unserializable<R, 'output'> }

type ReturnOf<I> = I extends { run(...args: any[]): infer R } ? R : never

/** The task that a class is. */
export type TaskOfClass<K extends TaskClassLike, I = InstanceType<K>> = Task<
  K extends { input: infer S extends StandardSchemaV1 }
    ? SchemaInput<S>
    : I extends { run(...args: infer A): any }
      ? A extends []
        ? NoInput
        : A[0]
      : never,
  K extends { output: infer S extends StandardSchemaV1 } ? SchemaOutput<S> : OutputOf<ReturnOf<I>>,
  ExtrasOf<
    { [P in keyof I as I[P] extends { readonly '~rpc': true } ? P : never]: I[P] extends RpcField<infer F> ? F : never },
    I extends TaskClass<infer C> ? C : {},
    YieldsOf<ReturnOf<I>>
  >
>
