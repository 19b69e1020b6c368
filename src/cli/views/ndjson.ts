import type { RunEvent } from '../../core/events.ts'
import type { Outcome, View, ViewContext } from './view.ts'

/** Every event as one line of JSON on stdout, and a `result` line at the end. Nothing is dropped: the reader sets the pace of memory. */
export class NdjsonView implements View {
  readonly #context: ViewContext

  constructor(context: ViewContext) {
    this.#context = context
  }

  event(event: RunEvent): void {
    this.#context.stdout.write(`${JSON.stringify(event)}\n`)
  }

  notice(text: string): void {
    this.#context.stderr.write(`${text}\n`)
  }

  end(outcome: Outcome): void {
    const { run = null, status, output, error, exitCode, durationMs, left } = outcome
    const result = {
      type: 'result',
      run,
      status,
      ...(status === 'done' && output !== undefined && { output }),
      ...(error && { error }),
      exitCode,
      durationMs,
      left,
    }
    this.#context.stdout.write(`${JSON.stringify(result)}\n`)
  }
}
