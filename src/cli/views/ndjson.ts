import type { ErrorSummary, RunEvent } from '../../core/events.ts'
import { eventLine } from '../event-line.ts'
import type { Outcome, View, ViewContext } from './view.ts'

/** What `--ndjson` prints, a line each; `docs/events.schema.json` says it as JSON Schema. */
export type NdjsonLine = RunEvent | ItemLine | ResultLine

/** Something that the root run yielded. */
interface ItemLine {
  readonly type: 'item'
  readonly run: string
  readonly item: unknown
}

/** The last line. */
interface ResultLine {
  readonly type: 'result'
  /** The root run; null when it never came to one. */
  readonly run: string | null
  readonly status: 'done' | 'failed' | 'cancelled'
  readonly output?: unknown
  readonly error?: ErrorSummary
  readonly exitCode: number
  readonly durationMs: number
  /** Workers that could not be made gone. */
  readonly left: readonly string[]
  /** Runs whose workers were kept on purpose. */
  readonly kept: readonly string[]
}

/**
 * Every event as one line of JSON on stdout, an `item` line for each item of the root run, and a `result` line at the end. For a reader that is far behind, log lines are left out
 * and counted in a `dropped` event that stands for them.
 */
export class NdjsonView implements View {
  readonly #context: ViewContext
  #root: string | undefined
  readonly #missed = new Map<string, { readonly lines: number; readonly seq: number }>()

  constructor(context: ViewContext) {
    this.#context = context
  }

  event(event: RunEvent): void {
    this.#root ??= event.run
    const { stdout } = this.#context
    const missed = this.#missed.get(event.run)
    const gap = missed ? eventLine({ type: 'dropped', run: event.run, seq: missed.seq, at: event.at, lines: missed.lines }) : ''
    if (event.type !== 'log') stdout.write(gap + eventLine(event))
    else if (!stdout.offer(gap + eventLine(event))) {
      this.#missed.set(event.run, { lines: (missed?.lines ?? 0) + 1, seq: missed?.seq ?? event.seq })
      return
    }
    if (missed) this.#missed.delete(event.run)
  }

  /** `run` is the one that was created first. */
  async item(item: unknown): Promise<void> {
    const { stdout } = this.#context
    const line: ItemLine = { type: 'item', run: this.#root ?? '', item: item ?? null }
    stdout.write(`${JSON.stringify(line)}\n`)
    await stdout.flush()
  }

  notice(text: string): void {
    this.#context.stderr.write(`${text}\n`)
  }

  end(outcome: Outcome): Promise<void> {
    const { run = null, status, output, error, exitCode, durationMs, left, kept } = outcome
    const result: ResultLine = {
      type: 'result',
      run,
      status,
      ...(status === 'done' && output !== undefined && { output }),
      ...(error && { error }),
      exitCode,
      durationMs,
      left,
      kept,
    }
    this.#context.stdout.write(`${JSON.stringify(result)}\n`)
    return Promise.resolve()
  }
}
