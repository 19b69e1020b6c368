import type { RunEvent } from '../../core/events.ts'
import { failureText } from '../failure-text.ts'
import { RunBoard } from '../run-board.ts'
import type { Outcome, View, ViewContext } from './view.ts'
import { writeItem, writeResult } from './result.ts'

/** The result on stdout, a failure on stderr, and nothing else. */
export class QuietView implements View {
  readonly #context: ViewContext
  readonly #board = new RunBoard()

  constructor(context: ViewContext) {
    this.#context = context
  }

  event(event: RunEvent): void {
    this.#board.apply(event)
  }

  item(item: unknown): Promise<void> {
    return writeItem(this.#context.stdout, item)
  }

  notice(): void {}

  async end(outcome: Outcome): Promise<void> {
    const { stderr } = this.#context
    if (outcome.error) stderr.write(failureText(outcome, this.#board, this.#context))
    if (outcome.status === 'done') await writeResult(this.#context, outcome.output)
  }
}
