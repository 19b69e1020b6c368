import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Encoded } from './value.ts'
import { encodeItem } from './values/encode.ts'
import { ItemBatch } from './item-batch.ts'
import { ITEM_WINDOW } from './line.ts'

/** Items of a producer that computes without a pause leave at least this often. */
const TURN_MS = 5
/** A little less than the body of one frame. */
const BATCH_BYTES = 250 * 1024

export interface ItemWriterOptions {
  /** For messages: `yield`, or the method's name. */
  readonly label: string
  /** How many items are welcome before the reader says so. */
  readonly credit: number
  readonly send: (count: number, value: Encoded) => void
  /** Ends the writing when it aborts: the producer's `finally` blocks run. */
  readonly signal: AbortSignal
}

/** The producing end of a stream: pulls items as far as the reader's credit reaches, and sends those of one turn together. */
export class ItemWriter {
  readonly #options: ItemWriterOptions
  readonly #batch = new ItemBatch()
  #credit: number
  #onCredit: (() => void) | undefined
  #isFlushing = false

  constructor(options: ItemWriterOptions) {
    this.#options = options
    this.#credit = options.credit
  }

  /** The reader takes more. */
  want(items: number): void {
    this.#credit += items
    this.#onCredit?.()
  }

  /** Resolves with what the producer returns, when every item is on its way; throws what it throws, or the signal's reason. */
  async write(items: AsyncIterable<unknown>): Promise<unknown> {
    const { label, signal } = this.#options
    const iterator = items[Symbol.asyncIterator]()
    let turnBegan = performance.now()
    for (;;) {
      await this.#creditOrAbort()
      if (signal.aborted) {
        await iterator.return?.()
        throw signal.reason
      }
      const { done, value } = await this.#pull(iterator)
      if (done) return value
      try {
        this.#add(encodeItem(value, label, this.#batch.base))
      } catch (error) {
        this.flush()
        await leave(iterator)
        throw error
      }
      if (performance.now() - turnBegan < TURN_MS) continue
      this.flush()
      await nextTurn()
      turnBegan = performance.now()
    }
  }

  /** Sends what was pulled. */
  flush(): void {
    this.#isFlushing = false
    const { count } = this.#batch
    if (count > 0) this.#options.send(count, this.#batch.take())
  }

  async #pull(iterator: AsyncIterator<unknown, unknown>): Promise<IteratorResult<unknown, unknown>> {
    try {
      const result = await iterator.next()
      if (result.done) this.flush()
      return result
    } catch (error) {
      this.flush()
      throw error
    }
  }

  #add(item: Encoded): void {
    this.#credit--
    this.#batch.add(item)
    // The next one may be as large.
    if (this.#batch.bytes + item.data.length > BATCH_BYTES || this.#batch.count >= ITEM_WINDOW / 2) return this.flush()
    if (this.#isFlushing) return
    this.#isFlushing = true
    process.nextTick(() => this.flush())
  }

  async #creditOrAbort(): Promise<void> {
    const { signal } = this.#options
    while (this.#credit <= 0 && !signal.aborted) {
      this.flush()
      await new Promise<void>((resolve) => {
        const done = (): void => {
          signal.removeEventListener('abort', done)
          this.#onCredit = undefined
          resolve()
        }
        this.#onCredit = done
        signal.addEventListener('abort', done, { once: true })
      })
    }
  }
}

/** Lets the producer's `finally` blocks run; what they throw does not hide why it was ended. */
async function leave(iterator: AsyncIterator<unknown>): Promise<void> {
  try {
    await iterator.return?.()
  } catch {
    return
  }
}
