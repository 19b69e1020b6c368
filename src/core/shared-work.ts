import { abortable } from './abortable.ts'

/** Work that several callers wait for. It is aborted when the last of them has given up, who stays until it has cleaned up. */
export class SharedWork<T, Progress> {
  readonly #result: Promise<T>
  readonly #abort = new AbortController()
  readonly #reports = new Set<(progress: Progress) => void>()
  #waiting = 0
  #settled = false
  #failed = false

  constructor(work: (signal: AbortSignal, report: (progress: Progress) => void) => Promise<T>) {
    this.#result = work(this.#abort.signal, (progress) => {
      for (const report of this.#reports) report(progress)
    })
    this.#result.then(
      () => (this.#settled = true),
      () => (this.#failed = this.#settled = true),
    )
  }

  /** Nothing will come of it: the next caller has to begin anew. */
  get failed(): boolean {
    return this.#failed || this.#abort.signal.aborted
  }

  async wait(signal: AbortSignal, report?: (progress: Progress) => void): Promise<T> {
    if (report) this.#reports.add(report)
    this.#waiting++
    try {
      return await abortable(this.#result, signal)
    } finally {
      if (report) this.#reports.delete(report)
      if (--this.#waiting === 0 && !this.#settled) {
        this.#abort.abort(signal.reason)
        await this.#result.catch(() => {})
      }
    }
  }
}
