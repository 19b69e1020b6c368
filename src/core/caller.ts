import type { ErrorSummary, Status, TaskRef } from './events.ts'
import type { RunOptions } from './options.ts'
import type { Encoded } from './value.ts'

/** Where a task stands in a file that was not compiled by us: a script's own, or a test's. */
export interface TaskSite {
  /** Absolute path. */
  readonly file: string
  /** The export's name, where the source text told it. */
  readonly export?: string
  /** The n-th task (from 0) created while that file loaded. */
  readonly ordinal: number
}

/** One call, ready to leave this process. */
export interface CallRequest {
  /** Made here, so that a run has its id at once. */
  readonly id: string
  readonly task: TaskRef | TaskSite
  readonly input: Encoded
  readonly options: RunOptions
  /** It survives the cancelling of its caller. */
  readonly shield: boolean
}

export type CallOutcome =
  | { readonly status: 'done'; readonly output: Encoded }
  | {
      readonly status: 'failed' | 'cancelled'
      readonly error: ErrorSummary
      /** The original error; absent when no function threw. */ readonly value?: Encoded
    }

/** Hears of one call. After `settled` nothing follows. */
export interface CallListener {
  status(status: Status, attempt: number): void
  settled(outcome: CallOutcome, attempt: number): void
}

export interface CancelReason {
  readonly code: 'TASK_CANCELLED' | 'TASK_TIMEOUT'
  readonly message: string
}

/** What may happen at once, or in a second, under one name. */
export interface LimitRule {
  readonly concurrency?: number
  readonly perSecond?: number
}

/** A place under a named limit, wanted or held. */
export interface LimitPlace {
  /** Resolves when it is this place's turn; rejects if the name has another rule, or nobody can tell any more. */
  readonly granted: Promise<void>
  /** Gives it back, or stops wanting it. Idempotent. */
  release(): void
}

/** Carries calls out of this process: over a worker's channel, to a script's supervisor, or into a test's runtime. */
export interface Caller {
  call(request: CallRequest, listener: CallListener): void
  /** Asks for the end of a call; `kill` does without grace. The listener hears when it is gone. */
  cancel(id: string, reason: CancelReason, kill: boolean): void
  /** Asks for a place under a limit that holds for the whole run tree. */
  acquire(name: string, rule: LimitRule): LimitPlace
}
