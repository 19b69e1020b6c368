import type { RunEvent } from '../../core/events.ts'
import { taskName } from '../../core/task-name.ts'
import { RunBoard, type RunEntry } from '../run-board.ts'
import { plainPreview } from '../plain-preview.ts'
import type { Outcome, View, ViewContext } from './view.ts'

/** One object on stdout at the end: id, task, status, output or error, timings, children likewise. */
export class JsonView implements View {
  readonly #context: ViewContext
  readonly #board = new RunBoard()
  readonly #items: unknown[] = []

  constructor(context: ViewContext) {
    this.#context = context
  }

  event(event: RunEvent): void {
    this.#board.apply(event)
  }

  item(item: unknown): Promise<void> {
    this.#items.push(item ?? null)
    return Promise.resolve()
  }

  notice(text: string): void {
    this.#context.stderr.write(`${text}\n`)
  }

  end(outcome: Outcome): Promise<void> {
    const root = outcome.run === undefined ? undefined : this.#board.get(outcome.run)
    const record = {
      ...(root ? runRecord(root) : { id: null, task: null }),
      status: outcome.status,
      ...(this.#items.length > 0 && { items: this.#items }),
      ...(outcome.status === 'done' && outcome.output !== undefined && { output: outcome.output }),
      ...(outcome.error && { error: outcome.error }),
      exitCode: outcome.exitCode,
      durationMs: outcome.durationMs,
      workers: { started: this.#board.workers, left: outcome.left, kept: outcome.kept },
    }
    const { stdout } = this.#context
    stdout.write(`${stdout.isTerminal ? JSON.stringify(record, null, 2) : JSON.stringify(record)}\n`)
    return Promise.resolve()
  }
}

/** A run as `--json` shows it, everywhere. An output that the events did not carry is named by its size. */
export interface RunRecord {
  readonly id: string
  readonly task: string
  readonly name: string
  readonly status: string
  readonly attempt: number
  readonly engine: string
  readonly input?: unknown
  readonly inputBytes?: number
  readonly output?: unknown
  readonly outputBytes?: number
  readonly error?: unknown
  readonly createdAt: string
  readonly settledAt?: string
  readonly timings: { readonly waitingMs: number; readonly startingMs: number; readonly runningMs: number }
  readonly children: readonly RunRecord[]
}

export function runRecord(run: RunEntry): RunRecord {
  return {
    id: run.id,
    task: taskName(run.task),
    name: run.name,
    status: run.status,
    attempt: run.attempt,
    engine: run.engine,
    ...plainPreview('input', run.input),
    ...plainPreview('output', run.output),
    ...(run.error && { error: run.error }),
    createdAt: new Date(run.createdAt).toISOString(),
    ...(run.settledAt !== undefined && { settledAt: new Date(run.settledAt).toISOString() }),
    timings: { waitingMs: run.spentMs.waiting, startingMs: run.spentMs.starting, runningMs: run.spentMs.running },
    children: run.children.map(runRecord),
  }
}
