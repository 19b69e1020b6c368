/** What an attempt needs of its supervisor. */
import type { Engine, WorkerSpec } from '../core/engine.ts'
import type { TreeRef } from '../core/tree.ts'
import type { Down, LineFrame, Up } from '../protocol/messages.ts'
import type { IncomingValue } from '../protocol/values.ts'
import type { LimitMessage } from './limits.ts'
import type { Spool } from './spool.ts'
import type { AttemptOutcome, PlainEvent, RunRecord } from './tree-messages.ts'

/** What a caller says of its runs. */
export type CallerMessage = Extract<Up, { type: 'call' | 'cancel' | 'retry' | 'watch' }> | LineFrame

export interface AttemptContext {
  readonly engine: Engine
  readonly spool: Spool
  readonly leaseMs: number
  /** What a failed worker leaves behind stays, for people to look at. */
  readonly keepFailed: boolean
  /** The user's program as this engine's workers see it. */
  code(signal: AbortSignal): Promise<TreeRef>
  spec(run: RunRecord, code: TreeRef): WorkerSpec
  emit(run: RunRecord, event: PlainEvent): void
  running(run: RunRecord): void
  ended(run: RunRecord, outcome: AttemptOutcome): void
  /** Nothing is left of the worker, or its engine cannot make it gone: that is told before. */
  gone(run: RunRecord): void
  notRemoved(run: RunRecord): void
  /** A frame in which the worker acts as a caller. */
  asCaller(run: RunRecord, message: CallerMessage, value: IncomingValue | undefined): void
  /** What the run says to its caller. */
  asRun(run: RunRecord, frame: LineFrame, value: IncomingValue | undefined): void
  /** Resolves when everything that the run said has been passed on. */
  routed(run: RunRecord): Promise<void>
  /** A frame about a named limit; `send` answers it. */
  limit(run: RunRecord, message: LimitMessage, send: (message: Down) => void): void
}
