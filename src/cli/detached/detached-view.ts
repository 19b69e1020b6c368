import type { RunEvent } from '../../core/events.ts'
import { masked, maskOf } from '../record/mask.ts'
import type { Io } from '../io.ts'
import { NdjsonView } from '../views/ndjson.ts'
import type { Outcome, View } from '../views/view.ts'

/**
 * The lines of `--ndjson`, for a log that others may read: without inputs and outputs but the root's own result, and without the values
 * of variables that were given to the run.
 */
export class DetachedView implements View {
  readonly #inner: NdjsonView
  readonly #mask: ReturnType<typeof maskOf>

  constructor(io: Io, secrets: readonly string[]) {
    this.#inner = new NdjsonView({ stdout: io.stdout, stderr: io.stderr, workerWord: () => 'pod', debug: false })
    this.#mask = maskOf(secrets)
  }

  event(event: RunEvent): void {
    if (event.type === 'created') {
      const { input: _, ...rest } = event
      return this.#inner.event(masked(rest, this.#mask))
    }
    if (event.type === 'settled') {
      const { output: _, ...rest } = event
      return this.#inner.event(masked(rest, this.#mask))
    }
    this.#inner.event(masked(event, this.#mask))
  }

  item(item: unknown): Promise<void> {
    return this.#inner.item(item)
  }

  notice(text: string): void {
    this.#inner.notice(text)
  }

  end(outcome: Outcome): Promise<void> {
    const { error, ...rest } = outcome
    return this.#inner.end({ ...rest, ...(error && { error: masked(error, this.#mask) }) })
  }
}
