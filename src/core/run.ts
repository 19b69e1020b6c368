import type { Status } from './events.ts'
import { reasonText } from './reason-text.ts'
import { RunState, type RunStart } from './run-state.ts'
import type { LogRecord, LogsOptions, RunEvents } from './run-watch.ts'
import type { Extras, MethodsOf, Remote } from './types.ts'

export type Settled<T> = { ok: true; value: T } | { ok: false; error: Error }

const runBrand = Symbol.for('cowait.run')

/**
 * One execution of a task, as its caller holds it: a real promise of the output, with an id, a status and a way to end it.
 * It starts when the task is called. A failure that nobody looks at fails the owner of the run; it is never an unhandled rejection.
 */
export class TaskRun<O, X extends Extras = {}> extends Promise<O> implements AsyncDisposable {
  /** `then` and its kin give plain promises. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  /** Every run can be read; only a streaming task's type shows it. */
  static {
    void Object.defineProperty(this.prototype, Symbol.asyncIterator, {
      value(this: TaskRun<unknown>): AsyncIterator<unknown> {
        this.#state.look()
        return this.#state.conversation.read(this.id)
      },
    })
  }

  readonly #state: RunState<O>

  /** Not for users: call a task. */
  constructor(start: RunStart) {
    let settle!: { resolve: (value: O) => void; reject: (error: Error) => void }
    super((resolve, reject) => (settle = { resolve, reject }))
    this.#state = new RunState<O>(start, settle)
    super.then(undefined, () => undefined)
    this.#state.start()
    void Object.defineProperty(this, runBrand, { value: this.#state })
  }

  /** A DNS label such as `sleep-x7k2m9qd`; known at once. */
  get id(): string {
    return this.#state.id
  }

  /** The task: its module as `cowait run` takes it, and the name of its export (empty if it has none). */
  get ref(): { readonly module: string; readonly export: string; readonly runtime: 'node' } {
    const { module, export: name } = this.#state.ref
    return { module, export: name, runtime: 'node' }
  }

  get status(): Status {
    return this.#state.current
  }

  /** Counts from 1; 0 before the first start. */
  get attempt(): number {
    return this.#state.attempt
  }

  /** Resolves when the worker is up, the input is valid and the function is about to start; rejects if it never gets there. */
  get ready(): Promise<void> {
    return this.#state.ready
  }

  /** The run's own methods, as it declares them in `rpc`. A call waits until the run is ready and rejects when it has ended. */
  get rpc(): Remote<MethodsOf<X>> {
    return this.#state.conversation.rpc as Remote<MethodsOf<X>>
  }

  override then<A = O, B = never>(
    onDone?: ((value: O) => A | PromiseLike<A>) | null,
    // oxlint-disable-next-line typescript/no-explicit-any -- as in every promise
    onFailed?: ((reason: any) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#state.look()
    // Whoever reads the stream besides has the rest of this turn to begin.
    setImmediate(() => this.#state.conversation.drainUnlessRead())
    return super.then(onDone, onFailed)
  }

  /** Calls the listener for each event from now on, until it is disposed of or the run has ended. Throws for an unknown event. */
  on<E extends keyof RunEvents>(event: E, listener: (event: RunEvents[E]) => void): Disposable {
    return this.#state.watch.on(event, listener)
  }

  /** What the run prints and logs, beginning with its latest lines so far (200, or about 64 KiB with their fields), until it has ended. */
  logs(options?: LogsOptions): AsyncIterable<LogRecord> {
    return this.#state.watch.logs(options)
  }

  /** The outcome as a value; never rejects. Looking at it counts as looking at the failure. */
  async settled(): Promise<Settled<O>> {
    try {
      return { ok: true, value: await this }
    } catch (error) {
      return { ok: false, error: error as Error }
    }
  }

  /** Asks the run to end and kills it after its grace. Resolves when it is gone; never rejects. */
  cancel(reason?: unknown): Promise<void> {
    this.#state.stop({ code: 'TASK_CANCELLED', message: reasonText(reason, 'cancelled by its caller') })
    return this.#state.gone
  }

  /** Ends the run without grace. Resolves when it is gone; never rejects. */
  kill(): Promise<void> {
    this.#state.stop({ code: 'TASK_CANCELLED', message: 'killed by its caller' }, true)
    return this.#state.gone
  }

  /** Cancels what is unfinished and waits until it is gone; never throws the run's own error. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel('left the block that held it')
  }
}
