/** Calls a function for each of many items, at most so many at once, and gives what comes out in the order in which it is ready. */
import { onAbort } from './abort.ts'
import type { InnerScope } from './open-scope.ts'
import { runInScope } from './scope.ts'

export interface PoolPlan<V, R> {
  readonly call: (item: V, index: number) => R
  readonly items: Iterable<V> | AsyncIterable<V>
  readonly concurrency: number
  /** The user's frames that asked for it. */
  readonly frames: string
}

export interface Finished<V, R> {
  /** The item's position among the items. */
  index: number
  item: V
  value: Awaited<R>
}

/**
 * P1  An item is pulled only when there is room for it: calls that run and results that nobody took yet are `concurrency` at most.
 * P2  The first failure, of a call or of the items themselves, cancels everything; results that were ready before it come first.
 */
export class Pool<V, R> {
  readonly #plan: PoolPlan<V, R>
  readonly #inner: InnerScope
  readonly #iterator: Iterator<V> | AsyncIterator<V>
  readonly #ready: Finished<V, R>[] = []
  readonly #stopListening: () => void
  #running = 0
  #pulled = 0
  #isPulling = false
  #isExhausted = false
  #failure: { error: unknown } | undefined
  #wake: () => void = () => undefined

  constructor(plan: PoolPlan<V, R>, inner: InnerScope) {
    const { items } = plan
    this.#plan = plan
    this.#inner = inner
    this.#iterator =
      Symbol.asyncIterator in Object(items)
        ? (items as AsyncIterable<V>)[Symbol.asyncIterator]()
        : (items as Iterable<V>)[Symbol.iterator]()
    const { signal } = inner.scope
    if (signal.aborted) this.#fail(signal.reason)
    this.#stopListening = onAbort(signal, () => this.#fail(signal.reason))
  }

  /** The next result; undefined after the last one. Throws the first failure. */
  async next(): Promise<Finished<V, R> | undefined> {
    for (;;) {
      this.#fill()
      const first = this.#ready.shift()
      if (first) {
        this.#fill()
        return first
      }
      if (this.#failure) throw this.#failure.error
      if (this.#isExhausted && this.#running === 0) return undefined
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** Cancels what is unfinished and lets go of the items. Resolves when nothing is left; throws a failure that nobody looked at. */
  async end(): Promise<void> {
    const { scope } = this.#inner
    this.#stopListening()
    if (this.#running > 0) scope.cancel(this.#failure?.error ?? 'nobody waits for it any more')
    const unclosed = this.#isExhausted ? undefined : await this.#closeItems()
    if (this.#running > 0 || this.#failure) await scope.idle()
    const unseen = await scope.close('cancel')
    if (this.#failure) return
    if (unseen) throw unseen
    if (unclosed) throw unclosed.error
  }

  #fill(): void {
    const taken = this.#running + this.#ready.length
    if (!this.#isExhausted && !this.#isPulling && !this.#failure && taken < this.#plan.concurrency) void this.#pull()
  }

  async #pull(): Promise<void> {
    this.#isPulling = true
    try {
      const pulled = await runInScope(this.#inner.scope, () => this.#iterator.next())
      if (pulled.done) this.#isExhausted = true
      else if (!this.#failure) void this.#call(pulled.value, this.#pulled++)
    } catch (error) {
      this.#isExhausted = true
      this.#fail(error)
    }
    this.#isPulling = false
    this.#wake()
  }

  async #call(item: V, index: number): Promise<void> {
    this.#running++
    try {
      const value = await runInScope(this.#inner.scope, () => this.#plan.call(item, index))
      this.#ready.push({ index, item, value })
    } catch (error) {
      this.#fail(error)
    }
    this.#running--
    this.#wake()
  }

  #fail(error: unknown): void {
    if (this.#failure) return
    this.#failure = { error }
    this.#inner.scope.cancel(error)
    this.#wake()
  }

  /** Answers what was thrown instead. Items that are being waited for cannot be closed before they come: nobody waits for that. */
  async #closeItems(): Promise<{ error: unknown } | undefined> {
    const closing = closed(this.#iterator)
    return this.#isPulling ? undefined : await closing
  }
}

async function closed(iterator: Iterator<unknown> | AsyncIterator<unknown>): Promise<{ error: unknown } | undefined> {
  try {
    await iterator.return?.()
    return undefined
  } catch (error) {
    return { error }
  }
}
