import { ITEM_WINDOW } from './line.ts'

/** The reading end of a stream: what has arrived and was not read, and word to the producer of how much more is welcome. */
export class ItemReader implements AsyncIterator<unknown> {
  readonly #want: (items: number) => void
  readonly #leave: () => Promise<void> | void
  #items: unknown[] = []
  #at = 0
  /** Read since the producer last heard. */
  #read = 0
  #isDraining = false
  #end: { error?: Error } | undefined
  #waiting: ((result?: undefined) => void)[] = []

  constructor(want: (items: number) => void, leave: () => Promise<void> | void) {
    this.#want = want
    this.#leave = leave
  }

  push(items: readonly unknown[]): void {
    if (this.#end) return
    if (this.#isDraining) return this.#credit(items.length)
    this.#items.push(...items)
    this.#wake()
  }

  /** No more items come. What has arrived is read before the error is thrown. */
  end(error?: Error): void {
    this.#end ??= error ? { error } : {}
    this.#wake()
  }

  /** Throws everything away, now and later. */
  drain(): void {
    this.#isDraining = true
    this.#credit(this.#items.length - this.#at)
    this.#items = []
    this.#at = 0
  }

  async next(): Promise<IteratorResult<unknown, undefined>> {
    for (;;) {
      if (this.#at < this.#items.length) return { done: false, value: this.#take() }
      if (this.#end?.error) throw this.#end.error
      if (this.#end) return { done: true, value: undefined }
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** `for await` was left early. */
  async return(): Promise<IteratorResult<unknown, undefined>> {
    const isOpen = !this.#end
    this.#end ??= {}
    this.#items = []
    this.#at = 0
    this.#wake()
    if (isOpen) await this.#leave()
    return { done: true, value: undefined }
  }

  #take(): unknown {
    const item = this.#items[this.#at]
    this.#items[this.#at++] = undefined
    if (this.#at === this.#items.length) {
      this.#items = []
      this.#at = 0
    }
    this.#credit(1)
    return item
  }

  #credit(items: number): void {
    this.#read += items
    if (this.#read < ITEM_WINDOW / 2 || this.#end) return
    this.#want(this.#read)
    this.#read = 0
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}
