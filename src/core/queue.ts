import { atCallerLine } from './caller-line.ts'
import { cancellable } from './cancellable.ts'
import { show } from './show.ts'
import { holding } from './stoppable.ts'

interface Put<T> {
  readonly value: T
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/**
 * Hands values from those who put to those who take, in order, within one task. With a `max`, `put` waits while that many are inside.
 * `for await` takes until the queue is closed and empty; several loops share the values.
 */
export class Queue<T> implements AsyncIterable<T> {
  readonly #max: number
  readonly #values: T[] = []
  readonly #takers = new Set<(result: IteratorResult<T>) => void>()
  readonly #putters = new Set<Put<T>>()
  #isClosed = false

  /** Throws a `RangeError` unless `max` is a whole number above 0, or left out for no limit. */
  constructor(max: number = Infinity) {
    if (max !== Infinity && (!Number.isSafeInteger(max) || max < 1))
      throw atCallerLine(new RangeError(`Queue: max: ${show(max)} is not a whole number above 0.`), Queue as never)
    this.#max = max
  }

  /** Resolves when the value is in the queue. Rejects when the queue is closed, or the task or group around is cancelled. */
  put(value: T): Promise<void> {
    if (this.#isClosed) return Promise.reject(atCallerLine(closed(), this.put))
    return cancellable<void>((resolve, reject) => {
      const put: Put<T> = { value, resolve, reject }
      this.#putters.add(put)
      this.#move()
      return () => this.#putters.delete(put)
    })
  }

  /** The next value, as an iterator answers: `done` once the queue is closed and empty. */
  next(): Promise<IteratorResult<T>> {
    return holding(
      async (holds) => {
        const waiting = cancellable<IteratorResult<T>>((resolve) => {
          this.#takers.add(resolve)
          this.#move()
          return () => this.#takers.delete(resolve)
        })
        holds([waiting])
        return await waiting
      },
      (result) => this.#takeBack(result),
    )
  }

  /** No more values come: what is inside can still be taken, what waits to be put is refused. Idempotent. */
  close(): void {
    this.#isClosed = true
    for (const { reject } of this.#putters) reject(closed())
    this.#putters.clear()
    this.#move()
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return { next: () => this.next() }
  }

  #takeBack(result: IteratorResult<T>): void {
    if (result.done) return
    this.#values.unshift(result.value)
    this.#move()
  }

  #move(): void {
    for (let moved = true; moved;) moved = this.#letIn() || this.#handOut()
  }

  #letIn(): boolean {
    const [put] = this.#putters
    if (!put || this.#values.length >= this.#max) return false
    this.#putters.delete(put)
    this.#values.push(put.value)
    put.resolve()
    return true
  }

  #handOut(): boolean {
    const [take] = this.#takers
    if (!take || (this.#values.length === 0 && !this.#isClosed)) return false
    this.#takers.delete(take)
    take(this.#values.length > 0 ? { done: false, value: this.#values.shift() as T } : { done: true, value: undefined })
    return true
  }
}

function closed(): Error {
  return new Error('The queue is closed: nothing can be put into it any more.')
}
