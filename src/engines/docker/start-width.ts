/** How many containers are started at once; more make each one slower and none sooner (see `startWidth`). */
export class StartWidth {
  readonly #width: number
  readonly #waiting: (() => void)[] = []
  #taken = 0

  constructor(width: number) {
    this.#width = width
  }

  /** Runs when there is room. Leaves the queue when the signal aborts. */
  async run<T>(start: () => Promise<T>, signal: AbortSignal, onWait: () => void): Promise<T> {
    if (this.#taken < this.#width) this.#taken++
    else {
      onWait()
      await this.#turn(signal)
    }
    try {
      return await start()
    } finally {
      const next = this.#waiting.shift()
      // A place goes from hand to hand, so nobody who comes later gets in between.
      if (next) next()
      else this.#taken--
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1)
        reject(signal.reason as Error)
      }
      const enter = (): void => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      signal.throwIfAborted()
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.push(enter)
    })
  }
}
