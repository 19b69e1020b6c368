/** Things that are to happen in the order in which they were announced, though some must wait for their value. */
export class Turns {
  #tail: Promise<void> | undefined

  /**
   * Calls `act` with the value in its turn, at once if nothing is before it and there is nothing to wait for; or `fail`, if the value does
   * not come. Both never throw.
   */
  add(value: undefined, act: () => unknown): void
  add<T>(value: Promise<T> | undefined, act: (value: T | undefined) => unknown, fail: (error: Error) => void): void
  add<T>(value: Promise<T> | undefined, act: (value: T | undefined) => unknown, fail?: (error: Error) => void): void {
    if (!value && !this.#tail) return void act(undefined)
    const before = this.#tail
    const done = this.#take(before, value, act, fail)
    this.#tail = done
    void done.then(() => {
      if (this.#tail === done) this.#tail = undefined
    })
  }

  /** Resolves when everything that was added has had its turn. */
  async idle(): Promise<void> {
    while (this.#tail) await this.#tail
  }

  async #take<T>(
    before: Promise<void> | undefined,
    value: Promise<T> | undefined,
    act: (value: T | undefined) => unknown,
    fail: ((error: Error) => void) | undefined,
  ): Promise<void> {
    try {
      value?.catch(() => undefined)
      await before
      await act(await value)
    } catch (error) {
      fail?.(error as Error)
    }
  }
}
