import type { CallListener, CallOutcome, CallRequest, CancelReason } from './caller.ts'
import type { TaskDefinition } from './definition.ts'
import type { Status } from './events.ts'
import { onAbort } from './abort.ts'
import { callError, withStack } from './call-error.ts'
import { TaskCancelledError } from './errors.ts'
import { nameOf } from './registry.ts'
import type { OwnedRun, Scope } from './scope.ts'
import { decode } from './values/decode.ts'

export type Settled<T> = { ok: true; value: T } | { ok: false; error: Error }

const runBrand = Symbol.for('cowait.run')

/** What `new TaskRun` needs; made by calling a task. */
export interface RunStart {
  readonly scope: Scope
  readonly definition: TaskDefinition
  readonly request: CallRequest
  /** The stack of the call in the user's code. */
  readonly callStack: string
  readonly signal?: AbortSignal | undefined
  /** Set when the call is refused before it leaves this process. */
  readonly refused?: Error
}

/**
 * One execution of a task, as its caller holds it: a real promise of the output, with an id, a status and a way to end it.
 * It starts when the task is called. A failure that nobody looks at fails the owner of the run; it is never an unhandled rejection.
 */
export class TaskRun<O> extends Promise<O> implements AsyncDisposable {
  /** `then` and its kin give plain promises. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise
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

  override then<A = O, B = never>(
    onDone?: ((value: O) => A | PromiseLike<A>) | null,
    onFailed?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#state.look()
    return super.then(onDone, onFailed)
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
    const message = reason instanceof Error ? reason.message : reason === undefined ? 'cancelled by its caller' : String(reason)
    this.#state.stop({ code: 'TASK_CANCELLED', message })
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

/** The part of a run that its scope sees; apart, so that the promise's own methods stay few. */
class RunState<O> implements OwnedRun, CallListener {
  current: Status = 'waiting'
  attempt = 0
  waiters = 0
  readonly ready: Promise<void>
  readonly gone: Promise<void>
  readonly #start: RunStart
  readonly #settle: { resolve: (value: O) => void; reject: (error: Error) => void }
  #owner: Scope
  #isSeen = false
  #error: Error | undefined
  #markReady!: () => void
  #failReady!: (error: Error) => void
  #markGone!: () => void

  constructor(start: RunStart, settle: { resolve: (value: O) => void; reject: (error: Error) => void }) {
    this.#start = start
    this.#owner = start.scope
    this.#settle = settle
    this.gone = new Promise((resolve) => (this.#markGone = resolve))
    this.ready = new Promise((resolve, reject) => {
      this.#markReady = resolve
      this.#failReady = reject
    })
    this.ready.catch(() => undefined)
  }

  get id(): string {
    return this.#start.request.id
  }

  get isSettled(): boolean {
    return this.current === 'done' || this.current === 'failed' || this.current === 'cancelled'
  }

  get unseenError(): Error | undefined {
    return this.#isSeen || this.current === 'cancelled' ? undefined : this.#error
  }

  get isAwaited(): boolean {
    return this.waiters > 0
  }

  look(): void {
    this.#isSeen = true
    if (this.isSettled) this.#owner.drop(this)
  }

  moveTo(scope: Scope): void {
    this.#owner.drop(this)
    this.#owner = scope
    scope.adopt(this)
  }

  start(): void {
    const { scope, request, refused, signal, callStack } = this.#start
    scope.adopt(this)
    if (refused) return this.#fail(withStack(refused, callStack), refused instanceof TaskCancelledError ? 'cancelled' : 'failed')
    scope.caller.call(request, this)
    if (signal?.aborted) this.stop(abortReason(signal))
    else if (signal) void this.gone.then(onAbort(signal, () => this.stop(abortReason(signal))))
  }

  stop(reason: CancelReason, kill = false): void {
    if (!this.isSettled) this.#start.scope.caller.cancel(this.id, reason, kill)
  }

  status(status: Status, attempt: number): void {
    if (this.isSettled) return
    this.current = status
    this.attempt = attempt
    if (status === 'running') this.#markReady()
  }

  settled(outcome: CallOutcome, attempt: number): void {
    if (this.isSettled) return
    this.attempt = attempt
    if (outcome.status !== 'done') return this.#fail(this.#errorOf(outcome), outcome.status)
    try {
      const value = decode(outcome.output) as O
      this.current = 'done'
      this.#markReady()
      this.#settle.resolve(value)
      this.#markGone()
    } catch (error) {
      this.#fail(error as Error, 'failed')
    }
  }

  #fail(error: Error, status: 'failed' | 'cancelled'): void {
    this.current = status
    this.#error = error
    this.#failReady(error)
    this.#settle.reject(error)
    this.#markGone()
  }

  #errorOf(outcome: Exclude<CallOutcome, { status: 'done' }>): Error {
    const { request, definition, callStack } = this.#start
    return callError({ id: request.id, task: nameOf(definition.place), outcome, callStack, listed: definition.errors ?? [] })
  }
}

function abortReason(signal: AbortSignal): CancelReason {
  const { reason } = signal
  return { code: 'TASK_CANCELLED', message: reason instanceof Error ? reason.message : String(reason ?? 'its signal was aborted') }
}
