/**
 * A scope owns runs: a task's function has one, a script has one, and `group`, `timeout` and `shield` open one inside another.
 * The law that it keeps: a run never outlives its scope, and a failure that nobody looked at is the scope's own failure.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Caller, CancelReason } from './caller.ts'
import type { TaskContext } from './context.ts'
import { TaskCancelledError } from './errors.ts'

/** What a scope needs to know of a run that it owns. */
export interface OwnedRun {
  readonly id: string
  readonly isSettled: boolean
  /** Its error, if it failed and nobody has looked at it. */
  readonly unseenError: Error | undefined
  /** Resolves when it is gone; never rejects. */
  readonly gone: Promise<void>
  stop(reason: CancelReason): void
}

export interface ScopeOptions {
  readonly caller: Caller
  /** The run whose function this is; absent in a script. */
  readonly context?: TaskContext
  readonly parent?: Scope
  /** Runs in here survive the cancelling of the scope around. */
  readonly shield?: boolean
  /** The scope of a module that is still loading: a call in it would start itself again and again. */
  readonly loading?: boolean
}

export class Scope {
  readonly caller: Caller
  readonly context: TaskContext | undefined
  readonly shield: boolean
  readonly loading: boolean
  readonly #parent: Scope | undefined
  readonly #controller = new AbortController()
  readonly #runs = new Set<OwnedRun>()
  #closed = false

  constructor(options: ScopeOptions) {
    this.caller = options.caller
    this.context = options.context
    this.shield = options.shield ?? false
    this.loading = options.loading ?? false
    this.#parent = options.parent
    const outer = options.parent?.signal
    if (outer && !this.shield) {
      if (outer.aborted) this.#controller.abort(outer.reason)
      else outer.addEventListener('abort', this.#follow, { once: true })
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  readonly #follow = (): void => this.cancel(this.#parent?.signal.reason)

  /** Throws if a call may not start here any more. */
  assertOpen(task: string): void {
    if (this.signal.aborted) {
      const why = this.signal.reason instanceof Error ? this.signal.reason.message : String(this.signal.reason)
      throw new TaskCancelledError({
        task,
        message: `${task} was not started: its caller is cancelled (${why}). In a finally block, call it inside shield().`,
      })
    }
    if (this.#closed) {
      throw new TaskCancelledError({
        task,
        message: `${task} was not started: the task or group that calls it has already ended. Await the calls before you return.`,
      })
    }
  }

  adopt(run: OwnedRun): void {
    this.#runs.add(run)
    void run.gone.then(() => {
      if (!run.unseenError) this.#runs.delete(run)
    })
  }

  /** Aborts the signal and cancels what is unfinished. Idempotent. */
  cancel(reason: unknown): void {
    if (this.signal.aborted) return
    this.#controller.abort(reason)
    const message = reason instanceof Error ? reason.message : String(reason ?? 'its scope was cancelled')
    for (const run of this.#runs) if (!run.isSettled) run.stop({ code: 'TASK_CANCELLED', message })
  }

  /** The scope's end: what is unfinished is cancelled, or waited for, and gone. Answers the first failure nobody looked at. */
  async close(orphans: 'cancel' | 'wait'): Promise<Error | undefined> {
    this.#closed = true
    this.#parent?.signal.removeEventListener('abort', this.#follow)
    for (const run of this.#runs) {
      if (!run.isSettled && orphans === 'cancel' && !this.shield)
        run.stop({ code: 'TASK_CANCELLED', message: 'the task or group that called it has ended' })
    }
    await Promise.all([...this.#runs].map((run) => run.gone))
    for (const run of this.#runs) if (run.unseenError) return run.unseenError
    return undefined
  }

  /** How many runs are not settled. */
  get unfinished(): number {
    return [...this.#runs].filter((run) => !run.isSettled).length
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

/** The scope for code that lost its async context (callbacks of native code) in a process that serves one run. */
export function setProcessScope(scope: Scope | undefined): void {
  shared[processScopeKey] = scope
}
