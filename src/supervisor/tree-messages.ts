/** What goes into the tree of runs and what comes out of it. */
import type { CancelReason } from '../core/caller.ts'
import type { StartPhase } from '../core/engine.ts'
import type { ErrorSummary, RunEvent, Status, TaskRef } from '../core/events.ts'
import type { RunOptions } from '../core/options.ts'
import type { StoredValue } from './spool.ts'

export type TimerName = 'start' | 'timeout' | 'grace' | 'retry'

export interface NewRun {
  readonly id: string
  readonly parent: string | null
  /** The client whose root run it is or descends from. */
  readonly client: string
  /** Which attempt of its parent has called it; 0 for a root. */
  readonly callerAttempt: number
  readonly task: TaskRef
  readonly name: string
  readonly engine: string
  readonly options: RunOptions
  readonly shield: boolean
  /** The methods that its caller offers. */
  readonly handlers: readonly string[]
  /** The task's own `when` decides about retries: its caller cannot be asked. */
  readonly decides: boolean
  readonly key: string
  readonly input: StoredValue
}

export interface RunRecord extends NewRun {
  /** The run at the top of its tree. */
  readonly root: string
  readonly depth: number
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** When its function started, in its last attempt. */
  startedAt?: number
  status: Status
  /** Finer than the status: `asking` waits for its caller to say whether there is another attempt, `pausing` waits for that, `closing` has an outcome and waits for children and worker. */
  phase: 'queued' | 'starting' | 'running' | 'closing' | 'asking' | 'pausing' | 'settled'
  attempt: number
  /** What its engine said last of the attempt's start. */
  startPhase?: StartPhase | undefined
  /** Its reader has items of it: it cannot be started again. */
  hasYielded?: boolean
  /** Children of which something is left. */
  readonly children: Set<string>
  /** How many of them have not settled. */
  unfinished: number
  /** It takes a place of the queue's width. */
  counted: boolean
  worker: 'none' | 'live' | 'gone'
  /** It waits for a place under a named limit. */
  waits: boolean
  outcome?: AttemptOutcome
  cancel?: {
    readonly reason: CancelReason
    readonly graceMs: number
    readonly deadline: number
    /** Who called it wants no more of it: no other attempt follows, whatever the reason. */
    readonly isFinal: boolean
    killed: boolean
  }
}

/** How one attempt ended. `failed`: the function threw. `lost`: the platform could not start it, or lost it. */
export type AttemptOutcome =
  | { readonly type: 'done'; readonly value: StoredValue }
  | { readonly type: 'failed'; readonly error: ErrorSummary; readonly value: StoredValue; readonly retryable: boolean }
  | { readonly type: 'lost'; readonly error: ErrorSummary; readonly retryable: boolean }

/** How a run ended, for its caller. */
export type Settlement =
  | { readonly status: 'done'; readonly value: StoredValue }
  | { readonly status: 'failed' | 'cancelled'; readonly error: ErrorSummary; readonly value?: StoredValue }

export type TreeMessage =
  /** `refused`: it cannot start, and its caller is told why. `cancelled`: it was cancelled on its way here. */
  | { readonly type: 'call'; readonly run: NewRun; readonly refused?: ErrorSummary; readonly cancelled?: CancelReason }
  | { readonly type: 'running'; readonly run: string }
  | { readonly type: 'attempt-ended'; readonly run: string; readonly outcome: AttemptOutcome }
  /** The caller's answer about another attempt. */
  | { readonly type: 'retry-answer'; readonly run: string; readonly attempt: number; readonly again: boolean }
  /** Nothing is left of the attempt's worker. */
  | { readonly type: 'worker-gone'; readonly run: string }
  | { readonly type: 'cancel'; readonly run: string; readonly reason: CancelReason; readonly kill?: boolean }
  /** A run waits for a place under a named limit, or does not any more. */
  | { readonly type: 'waits'; readonly run: string; readonly isWaiting: boolean }
  | { readonly type: 'client-ended'; readonly client: string; readonly reason: CancelReason }
  /** The supervisor is to end: no root begins any more. */
  | { readonly type: 'close'; readonly reason: CancelReason }
  | { readonly type: 'timer'; readonly run: string; readonly timer: TimerName }

type WithoutBase<E> = E extends RunEvent ? Omit<E, 'run' | 'seq' | 'at'> : never

/** An event as the tree knows it; the supervisor adds who, when and which number. */
export type PlainEvent = Exclude<WithoutBase<RunEvent>, { type: 'created' | 'settled' | 'removed' }> | { readonly type: 'created' }

export type Effect =
  | { readonly type: 'start'; readonly run: RunRecord }
  | { readonly type: 'status'; readonly run: RunRecord }
  | { readonly type: 'cancel-worker'; readonly run: RunRecord; readonly reason: CancelReason; readonly graceMs: number }
  | { readonly type: 'kill-worker'; readonly run: RunRecord }
  | { readonly type: 'set-timer'; readonly run: RunRecord; readonly timer: TimerName; readonly ms: number }
  | { readonly type: 'clear-timer'; readonly run: RunRecord; readonly timer: TimerName }
  | { readonly type: 'settle'; readonly run: RunRecord; readonly settlement: Settlement }
  | { readonly type: 'ask-retry'; readonly run: RunRecord; readonly error: ErrorSummary; readonly value?: StoredValue }
  /** Nobody needs the value of an attempt that was not the last. */
  | { readonly type: 'release'; readonly run: RunRecord; readonly value: StoredValue }
  | { readonly type: 'removed'; readonly run: RunRecord }
  | { readonly type: 'emit'; readonly run: RunRecord; readonly event: PlainEvent }
