import type { ErrorSummary, RunEvent } from '../../core/events.ts'
import type { Output } from '../output.ts'
import type { RunEntry } from '../run-board.ts'
import type { StopSignal } from '../stop-signals.ts'

/** A reader of the events of one command; the only thing that prints while runs are alive. */
export interface View {
  event(event: RunEvent): void
  /** What the root run yields, as plain data. Resolves when the reader may get the next one. */
  item(item: unknown): Promise<void>
  /** A line of our own, for people: which engine was taken, what is being stopped. */
  notice(text: string): void
  /** Everything is over and gone. Called once, last. */
  end(outcome: Outcome): Promise<void>
}

/** How a command ended, for the last thing that a view prints. */
export interface Outcome {
  /** The root run; absent when it never came to one. */
  readonly run?: string
  /** Whether its function ever started. */
  readonly ran?: boolean
  readonly status: 'done' | 'failed' | 'cancelled'
  /** The root's output as plain data; `undefined` prints nothing. */
  readonly output?: unknown
  readonly error?: ErrorSummary
  readonly signal?: StopSignal
  readonly exitCode: number
  readonly durationMs: number
  /** Workers that could not be made gone. */
  readonly left: readonly string[]
  /** Runs whose workers were kept on purpose: `--keep-failed`. */
  readonly kept: readonly string[]
}

/** What a view writes to and what it may assume of it. */
export interface ViewContext {
  readonly stdout: Output
  readonly stderr: Output
  /** What this engine's workers are called: `container` on docker, `pod` on kubernetes. */
  readonly workerWord: () => string
  /** The command that starts the given call again, where one is known. */
  readonly again?: (run: RunEntry) => string | undefined
  /** Shows all of a stack, our own frames too. */
  readonly debug: boolean
}
