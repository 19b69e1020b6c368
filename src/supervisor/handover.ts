import type { Source } from '../protocol/values.ts'

/** Longest silence of a worker that has not got its whole run. What it does with that, loading included, is its own matter. */
const silenceMs = 60_000

/** Watches that a worker gets its run: fails one that neither says anything nor takes any bytes of its input. */
export class Handover {
  readonly #ms: number
  readonly #fail: (why: Error) => void
  #timer: NodeJS.Timeout | undefined

  /** `startTimeoutMs`, where it is longer, says that the worker may take its time. */
  constructor(startTimeoutMs: number | undefined, fail: (why: Error) => void) {
    this.#ms = Math.max(silenceMs, startTimeoutMs ?? 0)
    this.#fail = fail
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

  /** The run is handed over, or there is nobody to take it. */
  end(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #giveUp(): void {
    this.#timer = undefined
    this.#fail(new Error(`it said nothing for ${this.#ms / 1_000} s, and had not got its run yet`))
  }
}
