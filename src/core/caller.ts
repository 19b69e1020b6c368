import type { Clock } from './clock.ts'
import type { TaskDefinition } from './definition.ts'
import type { ErrorSummary, RunEvent, Status, TaskRef } from './events.ts'
import type { LineMessage } from './line.ts'
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
  /** The task itself, for a run in this process; it never leaves it. */
  readonly definition: TaskDefinition
  readonly input: Encoded
  readonly options: RunOptions
  /** It survives the cancelling of its caller. */
  readonly shield: boolean
  /** Names of the methods that the caller offers to the run. */
  readonly handlers: readonly string[]
  /** The caller does not know the task's own options: they are added where they are known. */
  readonly isExternal: boolean
}

export type FailedOutcome = Exclude<CallOutcome, { status: 'done' }>

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
  /** What the run says over its line, in order. */
  line(message: LineMessage): void
  /** An event of the run, or of one below it, for who watches; undefined: what had happened before is told. */
  event(event: RunEvent | undefined): void
  /** An attempt has failed, and the options say that the caller decides about another one. Never rejects. */
  mayRetry(outcome: FailedOutcome, attempt: number): Promise<boolean>
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
  /** The time in which its code lives; the real one unless told. */
  readonly clock?: Clock
  call(request: CallRequest, listener: CallListener): void
  /** Asks for the end of a call; `kill` does without grace. The listener hears when it is gone. */
  cancel(id: string, reason: CancelReason, kill: boolean): void
  /** Asks for a place under a limit that holds for the whole run tree. */
  acquire(name: string, rule: LimitRule): LimitPlace
  /** Says something over the line to a run that was called. What it cannot hear any more is dropped. */
  line(id: string, message: LineMessage): void
  /** Asks for the events of a run that was called, or of everything below it as well; of one that has ended, for its latest lines. */
  watch(id: string, tree: boolean, listener: Pick<CallListener, 'event'>): void
}
