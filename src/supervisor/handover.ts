import type { Source } from '../protocol/values.ts'

/** Longest silence of a worker that has not got its whole run. What it does with that, loading included, is its own matter. */
const silenceMs = 60_000
/** So long people are not told what a function that does not start waits for. */
const slowMs = 60_000

export interface HandoverOptions {
  /** Where it is longer than the bound of silence, the worker may take its time. */
  readonly startTimeoutMs: number | undefined
  readonly fail: (why: Error) => void
  /** The run is there, and its function has not started for long. */
  readonly slow: (ms: number) => void
}

/** Watches that a worker gets its run: fails one that neither says anything nor takes any bytes of its input. */
export class Handover {
  readonly #options: HandoverOptions
  readonly #ms: number
  #timer: NodeJS.Timeout | undefined

  constructor(options: HandoverOptions) {
    this.#options = options
    this.#ms = Math.max(silenceMs, options.startTimeoutMs ?? 0)
    this.#timer = setTimeout(() => this.#giveUp(), this.#ms)
  }

  /** The worker has said something. */
  heard(): void {
    this.#timer?.refresh()
  }

  /** The same source; the worker takes bytes of it as they are read. */
  watched(source: Source): Source {
    const { format, text, size, data } = source
    return {
      format,
      text,
      size,
      ...(data ? { data } : {}),
      read: (offset, length) => {
        this.heard()
        return source.read(offset, length)
      },
    }
  }

  /** The worker has its whole run. */
  done(): void {
    if (!this.#timer) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#options.slow(slowMs), slowMs)
  }

  /** Its function starts, or there is nobody to start it. */
  end(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #giveUp(): void {
    this.#timer = undefined
    this.#options.fail(new Error(`it said nothing for ${this.#ms / 1_000} s, and had not got its run yet`))
  }
}
