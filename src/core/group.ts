import { atCallerLine } from './caller-line.ts'
import { isRun, ownedRun, type AnyRun } from './is-run.ts'
import { openScope, runBody, type InnerScope } from './open-scope.ts'
import { runInScope } from './scope.ts'
import { show } from './show.ts'
import { holding } from './stoppable.ts'

/** Owns the runs that are called in it. */
export interface Group extends AsyncDisposable {
  /** Aborts when the group is cancelled, or one of its runs failed and nobody looked. */
  readonly signal: AbortSignal
  /** Runs a function whose calls belong to the group. */
  run<T>(body: () => T): T
  /** Makes a run that was called elsewhere the group's own: it is cancelled at once if the group is, or has ended. */
  add<R extends AnyRun>(run: R): R
  /** Cancels everything in the group. */
  cancel(reason?: unknown): void
  /** Waits until nothing runs in the group. When a run fails the others are cancelled, and it rejects with that failure once they are gone. */
  join(): Promise<void>
}

interface GroupFunction {
  /**
   * Runs a function that owns what it calls: the group settles when the function and all its calls have ended, with the function's value.
   * When the function throws, or a call fails that nobody awaits, everything else in the group is cancelled, and the group rejects with
   * that first error once nothing is left.
   *
   * @example
   * await group(async () => {
   *   resize({ file: 'a.png' })
   *   resize({ file: 'b.png' })
   * })
   */
  <T>(body: (group: Group) => T | Promise<T>): Promise<T>
  /**
   * A group without a function: calls belong to it through `run` and `add`. Hold it with `await using`: leaving the block cancels what is
   * unfinished, so call `join` to wait. Disposing throws a failure that nobody looked at.
   */
  open(): Group
}

export const group: GroupFunction = Object.assign(
  function group<T>(body: (group: Group) => T | Promise<T>): Promise<T> {
    const answer: Promise<T> = holding(async (holds) => {
      if (typeof body !== 'function')
        throw atCallerLine(new TypeError(`group() takes an async function; it got ${show(body)}. Write group(async () => { ... }).`), group)
      const inner = openScope()
      const running = runBody(
        inner,
        () => body(new OpenGroup(inner)),
        'wait',
        () => answer,
      )
      holds([running])
      return await running
    })
    return answer
  },
  { open: (): Group => new OpenGroup(openScope()) },
)

class OpenGroup implements Group {
  readonly #inner: InnerScope
  #unreported: { error: unknown } | undefined

  constructor(inner: InnerScope) {
    this.#inner = inner
    inner.failed.catch((error: unknown) => (this.#unreported = { error }))
  }

  get signal(): AbortSignal {
    return this.#inner.scope.signal
  }

  run<T>(body: () => T): T {
    return runInScope(this.#inner.scope, body)
  }

  add<R extends AnyRun>(run: R): R {
    if (!isRun(run)) throw atCallerLine(new TypeError(`add() takes a run; it got ${show(run)}. Write group.add(sleep()).`), this.add)
    this.#inner.scope.take(ownedRun(run))
    return run
  }

  cancel(reason?: unknown): void {
    this.#inner.scope.cancel(reason ?? 'its group was cancelled')
  }

  async join(): Promise<void> {
    const { scope, failed } = this.#inner
    try {
      await Promise.race([scope.idle(), failed])
    } catch (error) {
      this.#unreported = undefined
      await scope.idle()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const unseen = await this.#inner.scope.close('cancel')
    const unreported = this.#unreported
    this.#unreported = undefined
    if (unreported) throw unreported.error
    if (unseen) throw unseen
  }
}
