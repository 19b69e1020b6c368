/* oxlint-disable typescript/no-explicit-any -- a stand-in's context fits every task's */
import type { TaskContext } from '../core/context.ts'
import type { Duration } from '../core/duration.ts'
import type { AnyTask, Body, CallArgs, Extras, Input, RunOf, Task } from '../core/types.ts'

export interface TestRuntimeOptions {
  /** `manual`: delays, time-outs, retries and limits of what runs in here wait for `advance`. The real clock unless told. */
  clock?: 'real' | 'manual' | undefined
}

/** What goes wrong with a call. */
export interface Fault {
  /**
   * Counts the calls of the task in this runtime from 1; the first attempt of that one is hit, a retry of it is not.
   * All attempts of all calls unless told.
   */
  nth?: number | undefined
  /** `lose`: its worker dies. `fail`: its function throws `error`. `delay`: its function begins `delay` later. */
  kind: 'lose' | 'fail' | 'delay'
  delay?: Duration | undefined
  error?: Error | undefined
}

type Yields<X> = X extends { yields: infer Y } ? Y : never

/** Runs tasks in this process. Disposing it cancels what is unfinished and throws the first failure that nobody looked at. */
export interface TestRuntime extends AsyncDisposable {
  /** Calls a function whose calls of tasks, also later ones, run in here. */
  run<T>(body: () => T): T
  /** Calls a task in here. */
  run<I, O, X extends Extras>(task: Task<I, O, X>, ...args: CallArgs<NoInfer<I>, NoInfer<X>>): RunOf<O, X>
  /** Runs this function instead of the task's own, its hooks included. Inputs and outputs are checked as ever. */
  mock<I, O, X extends Extras>(
    task: Task<I, O, X>,
    stand: (input: NoInfer<I>, context: TaskContext<any, any>) => Body<NoInfer<O>, Yields<NoInfer<X>>>,
  ): void
  /** The inputs of all calls of the task so far, in order, as a worker gets them. A retry is no call of its own. */
  calls<T extends AnyTask>(task: T): Input<T>[]
  /** Lets time pass, everything that waits for it in order. Resolves when nothing can go on before more of it passes. */
  advance(time: Duration): Promise<void>
  /** Makes calls of a task go wrong from now on; a call that fails by it is retried like any other. Throws for one that makes no sense. */
  fault<I, O, X extends Extras>(task: Task<I, O, X>, fault: Fault): void
}
