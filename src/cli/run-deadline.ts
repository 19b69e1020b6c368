import type { RootRun } from '../client/local.ts'
import { realClock } from '../core/clock.ts'
import { formatDuration } from '../core/duration.ts'
import type { RunEvent } from '../core/events.ts'

/** Ends a root run some time after it was created, whichever of its attempts that meets. */
export class RunDeadline {
  readonly #ms: number
  readonly #run: Pick<RootRun, 'id' | 'cancel'>
  #stop: () => void = () => undefined
  #isOver = false
  /** The first start has a time-out of its own, which is no longer and says what it waited for. */
  #isFirstStart = true

  constructor(ms: number, run: Pick<RootRun, 'id' | 'cancel'>) {
    this.#ms = ms
    this.#run = run
  }

  /** Takes what happens to the run. */
  event({ type }: RunEvent): void {
    if (type === 'created') this.#stop = realClock.after(this.#ms, () => this.#end())
    else if (type === 'settled') this.#stop()
    else if (type === 'running' || type === 'retrying') {
      this.#isFirstStart = false
      // The supervisor is in the middle of telling it.
      if (this.#isOver) queueMicrotask(() => this.#cancel())
    }
  }

  #end(): void {
    this.#isOver = true
    if (!this.#isFirstStart) this.#cancel()
  }

  #cancel(): void {
    this.#run.cancel({ code: 'TASK_TIMEOUT', message: `${this.#run.id} timed out after ${formatDuration(this.#ms)}` })
  }
}
