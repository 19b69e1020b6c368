import { atCallerLine } from './caller-line.ts'
import { cancellable } from './cancellable.ts'
import { show } from './show.ts'
import { giveBack, holding } from './stoppable.ts'

/**
 * Lets at most `n` in at once, first come first served, within one task: `new Semaphore(1)` is a lock.
 * For a limit that holds for all tasks of a run tree see `limit`.
 */
export class Semaphore {
  readonly #waiting = new Set<() => void>()
  #free: number

  /** Throws a `RangeError` unless `n` is a whole number above 0. */
  constructor(n: number) {
    if (!Number.isSafeInteger(n) || n < 1)
      throw atCallerLine(new RangeError(`Semaphore: ${show(n)} is not a whole number above 0.`), Semaphore as never)
    this.#free = n
  }

  /** Waits for a place; disposing the answer gives it back. Rejects when the task or group around is cancelled. */
  acquire(): Promise<Disposable> {
    return holding(async (holds) => {
      const waiting = this.#wait()
      holds([waiting])
      await waiting
      return this.#place()
    }, giveBack)
  }

  /** Runs a function in a place of its own. */
  async run<T>(body: () => T | Promise<T>): Promise<T> {
    const place = await this.acquire()
    try {
      return await body()
    } finally {
      place[Symbol.dispose]()
    }
  }

  #wait(): Promise<void> {
    return cancellable<void>((resolve) => {
      if (this.#free > 0) {
        this.#free--
        resolve()
        return () => undefined
      }
      this.#waiting.add(resolve)
      return () => this.#waiting.delete(resolve)
    })
  }

  #place(): Disposable {
    let isHeld = true
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.#release()
        isHeld = false
      },
    }
  }

  #release(): void {
    const [next] = this.#waiting
    if (!next) return void this.#free++
    this.#waiting.delete(next)
    next()
  }
}
