import { onAbort } from './abort.ts'
import { callError, withStack } from './call-error.ts'
import type { CallListener, CallOutcome, CallRequest, CancelReason, FailedOutcome } from './caller.ts'
import type { TaskDefinition } from './definition.ts'
import { TaskCancelledError } from './errors.ts'
import type { RunEvent, Status, TaskRef } from './events.ts'
import type { LineMessage } from './line.ts'
import { reasonText } from './reason-text.ts'
import { nameOf, refOf } from './registry.ts'
import { RunLine } from './run-line.ts'
import { RunWatch } from './run-watch.ts'
import { runInScope, type OwnedRun, type Scope } from './scope.ts'
import { decode } from './values/decode.ts'

type Method = (...args: unknown[]) => unknown

/** What `new TaskRun` needs; made by calling a task. */
export interface RunStart {
  readonly scope: Scope
  readonly definition: TaskDefinition
  readonly request: CallRequest
  /** The stack of the call in the user's code. */
  readonly callStack: string
  readonly signal?: AbortSignal | undefined
  readonly handlers?: Readonly<Record<string, Method | undefined>>
  /** Whether another attempt may be made after one that failed. */
  readonly when?: ((error: unknown, attempt: number) => boolean) | undefined
  /** Set when the call is refused before it leaves this process. */
  readonly refused?: Error
  /** A check that takes its time; the call leaves when it resolves, and is refused when it rejects. */
  readonly checked?: Promise<void> | undefined
}

interface Settle<O> {
  readonly resolve: (value: O) => void
  readonly reject: (error: Error) => void
}

/** The part of a run that its scope sees; apart, so that the promise's own methods stay few. */
export class RunState<O> implements OwnedRun, CallListener {
  readonly id: string
  current: Status = 'waiting'
  attempt = 0
  waiters = 0
  readonly ready: Promise<void>
  readonly gone: Promise<void>
  readonly conversation: RunLine
  readonly watch: RunWatch
  readonly #start: Omit<RunStart, 'request'>
  /** Until it has left: thousands of calls may wait for their turn, and what they carry is large. */
  #request: CallRequest | undefined
  readonly #settle: Settle<O>
  #owner: Scope
  #isSeen = false
  #hasLeft = false
  /** Watches that leave after it; whether each is of everything below it as well. */
  readonly #watches: boolean[] = []
  #error: Error | undefined
  #markReady!: () => void
  #failReady!: (error: Error) => void
  #markGone!: () => void

  constructor(start: RunStart, settle: Settle<O>) {
    const { request, ...rest } = start
    this.id = request.id
    this.#request = request
    this.#start = rest
    this.#owner = start.scope
    this.#settle = settle
    this.gone = new Promise((resolve) => (this.#markGone = resolve))
    this.ready = new Promise((resolve, reject) => {
      this.#markReady = resolve
      this.#failReady = reject
    })
    this.ready.catch(() => undefined)
    const { scope, definition, handlers = {} } = start
    this.conversation = new RunLine({
      id: this.id,
      caller: scope.caller,
      definition,
      handlers,
      within: (body) => runInScope(this.#owner, body),
      leave: () => this.#leaveStream(),
    })
    this.watch = new RunWatch(this.id, (tree) => {
      if (this.#hasLeft) scope.caller.watch(this.id, tree, this)
      else if (this.isSettled) this.watch.receive(undefined)
      else this.#watches.push(tree)
    })
  }

  get ref(): TaskRef {
    return refOf(this.#start.definition.place)
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
    const { scope, refused, checked, signal } = this.#start
    scope.adopt(this)
    if (refused) return this.#refuse(refused)
    if (checked)
      void checked.then(
        () => this.#call(),
        (error: unknown) => this.#refuse(error as Error),
      )
    else this.#call()
    if (signal?.aborted) this.stop(abortReason(signal))
    else if (signal) void this.gone.then(onAbort(signal, () => this.stop(abortReason(signal))))
  }

  stop(reason: CancelReason, kill = false): void {
    if (this.isSettled) return
    if (this.#hasLeft) return this.#start.scope.caller.cancel(this.id, reason, kill)
    const task = nameOf(this.#start.definition.place)
    this.#refuse(new TaskCancelledError({ taskId: this.id, task, message: `${this.id} was cancelled: ${reason.message}` }))
  }

  status(status: Status, attempt: number): void {
    if (this.isSettled) return
    if (this.current === 'running' && status !== 'running') this.conversation.paused(this.attempt)
    this.current = status
    this.attempt = attempt
    if (status === 'running') {
      this.conversation.running()
      this.#markReady()
    }
    this.watch.status(status, attempt)
  }

  settled(outcome: CallOutcome, attempt: number): void {
    if (this.isSettled) return
    this.attempt = attempt
    if (outcome.status !== 'done') return this.#fail(this.#errorOf(outcome), outcome.status)
    try {
      const value = decode(outcome.output) as O
      this.current = 'done'
      this.#markReady()
      this.#end(undefined)
      this.#settle.resolve(value)
      this.#markGone()
    } catch (error) {
      this.#fail(error as Error, 'failed')
    }
  }

  line(message: LineMessage): void {
    if (!this.isSettled) this.conversation.receive(message)
  }

  event(event: RunEvent | undefined): void {
    this.watch.receive(event)
  }

  async mayRetry(outcome: FailedOutcome, attempt: number): Promise<boolean> {
    const { when, scope } = this.#start
    try {
      return when ? Boolean(await runInScope(scope, (): unknown => when(this.#errorOf(outcome), attempt))) : true
    } catch {
      // It cannot tell, and the run's own failure matters more than the question's.
      return false
    }
  }

  #call(): void {
    const request = this.#request
    if (this.isSettled || !request) return
    this.#request = undefined
    this.#hasLeft = true
    const { caller } = this.#start.scope
    caller.call(request, this)
    for (const tree of this.#watches.splice(0)) caller.watch(this.id, tree, this)
  }

  #refuse(error: Error): void {
    if (!this.isSettled) this.#fail(withStack(error, this.#start.callStack), error instanceof TaskCancelledError ? 'cancelled' : 'failed')
  }

  #fail(error: Error, status: 'failed' | 'cancelled'): void {
    this.current = status
    this.#error = error
    this.#failReady(error)
    this.#end(error)
    this.#settle.reject(error)
    this.#markGone()
  }

  #end(error: Error | undefined): void {
    this.#request = undefined
    this.conversation.ended(this.id, error)
    this.watch.status(this.current, this.attempt)
    this.watch.end()
    // Nobody else tells that there is no past.
    if (!this.#hasLeft) this.watch.receive(undefined)
  }

  async #leaveStream(): Promise<void> {
    this.look()
    this.stop({ code: 'TASK_CANCELLED', message: 'the reader of its stream has left' })
    await this.gone
  }

  #errorOf(outcome: FailedOutcome): Error {
    const { definition, callStack } = this.#start
    return callError({ id: this.id, task: nameOf(definition.place), outcome, callStack, listed: definition.errors ?? [] })
  }
}

function abortReason(signal: AbortSignal): CancelReason {
  const { reason } = signal
  return { code: 'TASK_CANCELLED', message: reasonText(reason, 'its signal was aborted') }
}
