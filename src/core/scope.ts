/**
 * A scope owns runs: a task's function has one, a script has one, and `group`, `timeout`, `map` and `shield` open one inside another.
 *
 * S1  Nothing that was called in a scope outlives it.
 * S2  A failure that nobody looked at is the scope's own failure.
 * S3  Cancelling reaches everything inside, except what was called in a shield.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { onAbort } from './abort.ts'
import type { Caller, CancelReason } from './caller.ts'
import { realClock, type Clock } from './clock.ts'
import type { TaskContext } from './context.ts'
import { TaskCancelledError } from './errors.ts'
import type { TaskOptions } from './options.ts'
import { isError, reasonText } from './reason-text.ts'

/** What a scope needs to know of a run that it owns. */
export interface OwnedRun {
  readonly id: string
  readonly isSettled: boolean
  /** Its error, if it failed and nobody has looked at it. */
  readonly unseenError: Error | undefined
  /** Somebody waits for its end and will look then. */
  readonly isAwaited: boolean
  /** Resolves when it is gone; never rejects. */
  readonly gone: Promise<void>
  /** Notes that somebody looks at how it ends. */
  look(): void
  stop(reason: CancelReason): void
  moveTo(scope: Scope): void
}

export interface ScopeOptions {
  readonly caller: Caller
  /** The run whose function this is; that of the scope around unless told. */
  readonly context?: TaskContext | undefined
  readonly parent?: Scope
  /** What is called in here survives the cancelling of the scope around. */
  readonly shield?: boolean
  /** The scope of a module that is still loading: a call in it would start itself again and again. */
  readonly loading?: boolean
  /** The user's frames that calls without any of their own belong to: where `map` was called. */
  readonly frames?: string
  /** Below the options of each call. */
  readonly defaults?: TaskOptions | undefined
  /** Hears of each failure that nobody looked at, as soon as it is certain that nobody is about to. */
  readonly onFailure?: (error: Error) => void
}

/** Of failures that nobody looked at only the first ones are kept: a server's scope may live for years. */
const maxFailures = 1_000

export class Scope {
  readonly caller: Caller
  readonly context: TaskContext | undefined
  /** A shield stands between this scope and the task's own. */
  readonly shield: boolean
  readonly loading: boolean
  readonly defaults: TaskOptions | undefined
  readonly frames: string
  readonly #options: ScopeOptions
  readonly #controller = new AbortController()
  readonly #runs = new Set<OwnedRun>()
  /** Those of the runs that failed unseen, in the order in which they failed. */
  readonly #failed = new Set<OwnedRun>()
  /** Scopes inside that own anything. */
  readonly #inner = new Set<Scope>()
  /** Functions of groups inside that go on although the group has answered. */
  readonly #leftBehind = new Set<Promise<unknown>>()
  readonly #stopFollowing: () => void
  #isClosed = false

  constructor(options: ScopeOptions) {
    const { caller, parent } = options
    this.#options = options
    this.caller = caller
    this.context = options.context ?? parent?.context
    this.shield = (options.shield ?? false) || (parent?.shield ?? false)
    this.loading = options.loading ?? parent?.loading ?? false
    this.defaults = options.defaults ?? parent?.defaults
    this.frames = options.frames ?? ''
    this.#stopFollowing = parent && !options.shield ? this.follow(parent.signal) : () => undefined
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** It, or a scope around it, has ended. */
  get isEnded(): boolean {
    return this.#isClosed || (this.#options.parent?.isEnded ?? false)
  }

  /** A scope inside this one; inside the nearest one around that has not ended, for a shield. */
  open(options: Omit<ScopeOptions, 'caller' | 'parent'> = {}): Scope {
    const { parent } = this.#options
    if (options.shield && this.#isClosed && parent) return parent.open(options)
    return new Scope({ ...options, caller: this.caller, parent: this })
  }

  /** Is cancelled with the signal. Answers how to stop that. */
  follow(signal: AbortSignal): () => void {
    if (signal.aborted) this.cancel(signal.reason)
    return onAbort(signal, () => this.cancel(signal.reason))
  }

  /** Throws if a call may not start here any more. */
  assertOpen(task: string): void {
    if (this.signal.aborted) {
      const why = (this.signal.reason as Error).message
      throw new TaskCancelledError({
        task,
        message: `${task} was not started: its caller is cancelled (${why}). In a finally block, call it inside shield().`,
      })
    }
    if (this.isEnded) {
      throw new TaskCancelledError({
        task,
        message: `${task} was not started: the task or group that calls it has already ended. Await the calls before you return.`,
      })
    }
  }

  adopt(run: OwnedRun): void {
    this.#runs.add(run)
    this.#register()
    void run.gone.then(async () => {
      if (!this.#runs.has(run)) return
      if (!run.unseenError || this.#failed.size >= maxFailures) return this.drop(run)
      this.#failed.add(run)
      await this.#tellFailure(run)
    })
  }

  /** Becomes the owner of a run that was called in another scope. */
  take(run: OwnedRun): void {
    run.moveTo(this)
    if (this.signal.aborted) run.stop({ code: 'TASK_CANCELLED', message: (this.signal.reason as Error).message })
    else if (this.isEnded) run.stop({ code: 'TASK_CANCELLED', message: 'the group that it was added to has already ended' })
  }

  /** Forgets a run: it is over and was looked at, or it has another owner now. */
  drop(run: OwnedRun): void {
    this.#failed.delete(run)
    if (this.#runs.delete(run)) this.#deregister()
  }

  /** Aborts the signal and cancels what is unfinished. Idempotent. */
  cancel(reason: unknown): void {
    if (this.signal.aborted) return
    const error = this.#asError(reason)
    this.#controller.abort(error)
    for (const run of this.#runs) run.stop({ code: 'TASK_CANCELLED', message: error.message })
  }

  /** The scope's end: what is unfinished is cancelled, or waited for, and gone. Answers the first failure nobody looked at. */
  async close(orphans: 'cancel' | 'wait'): Promise<Error | undefined> {
    this.#isClosed = true
    this.#stopFollowing()
    const how = this.#options.shield ? 'wait' : orphans
    if (how === 'cancel')
      for (const run of this.#runs) run.stop({ code: 'TASK_CANCELLED', message: 'the task or group that called it has ended' })
    const inner = await Promise.all([...this.#inner].map((scope) => scope.close(how)))
    await Promise.all([...this.#runs].map((run) => run.gone))
    const [unseen] = this.#failed
    const error = unseen?.unseenError
    for (const run of this.#failed) run.look()
    return error ?? inner.find((each) => each !== undefined)
  }

  /** Resolves when nothing runs in here any more, and whoever waited for it had a turn to call something else. */
  async idle(): Promise<void> {
    await nextTurn()
    for (let all = this.#unsettled(); all.length > 0; all = this.#unsettled()) {
      await Promise.all(all.map((run) => run.gone))
      await nextTurn()
    }
  }

  /** The function of a group in here goes on though the group has ended. The end of the task waits for it, if the task is cancelled. */
  leaveBehind(body: Promise<unknown>): void {
    const { parent } = this.#options
    if (parent) return parent.leaveBehind(body)
    if (!this.signal.aborted) return
    this.#leftBehind.add(body)
    const forget = (): void => void this.#leftBehind.delete(body)
    void body.then(forget, forget)
  }

  /** Resolves when the functions that were left behind have ended too. */
  async rest(): Promise<void> {
    while (this.#leftBehind.size > 0) await Promise.allSettled(this.#leftBehind)
  }

  /** How many runs the scope's end would cancel. */
  get unfinished(): number {
    const inner = [...this.#inner].filter((scope) => !scope.#options.shield)
    return [...this.#runs].filter((run) => !run.isSettled).length + inner.reduce((sum, scope) => sum + scope.unfinished, 0)
  }

  #unsettled(): OwnedRun[] {
    return [...[...this.#runs].filter((run) => !run.isSettled), ...[...this.#inner].flatMap((scope) => scope.#unsettled())]
  }

  async #tellFailure(run: OwnedRun): Promise<void> {
    const { onFailure } = this.#options
    if (!onFailure) return
    await nextTurn()
    const error = run.unseenError
    if (!error || run.isAwaited || !this.#runs.has(run)) return
    run.look()
    onFailure(error)
  }

  #register(): void {
    const { parent } = this.#options
    if (!parent || parent.#inner.has(this)) return
    parent.#inner.add(this)
    parent.#register()
  }

  #deregister(): void {
    const { parent } = this.#options
    if (!parent || this.#runs.size > 0 || this.#inner.size > 0) return
    parent.#inner.delete(this)
    parent.#deregister()
  }

  #asError(reason: unknown): Error {
    if (isError(reason)) return reason
    return new TaskCancelledError({ task: this.context?.name ?? '', message: reasonText(reason, 'the scope around it was cancelled') })
  }
}

/** On `globalThis`, so that two copies of this package in one process meet. */
const shared = globalThis as { [key: symbol]: unknown }
const storage = (shared[Symbol.for('cowait.scopes')] ??= new AsyncLocalStorage<Scope>()) as AsyncLocalStorage<Scope>
const processScopeKey = Symbol.for('cowait.process-scope')

/** Runs `body` with `scope` as the owner of the calls that it makes, also after its awaits. */
export function runInScope<T>(scope: Scope, body: () => T): T {
  return storage.run(scope, body)
}

/** The scope of the code that asks: of the nearest group or task, else the process's one. */
export function currentScope(): Scope | undefined {
  return storage.getStore() ?? (shared[processScopeKey] as Scope | undefined)
}

/** The time in which the code that asks lives. */
export function currentClock(): Clock {
  return currentScope()?.caller.clock ?? realClock
}

/** The scope for code that lost its async context (callbacks of native code) in a process that serves one run. */
export function setProcessScope(scope: Scope | undefined): void {
  shared[processScopeKey] = scope
}
