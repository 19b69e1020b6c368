/** A run's deadline is the earliest of its own and its caller's: what a time-out ends, it ends with all that is below it. */
import type { CancelReason } from '../core/caller.ts'
import { formatDuration } from '../core/duration.ts'
import type { StartPhase } from '../core/engine.ts'
import type { ErrorSummary } from '../core/events.ts'
import type { RunRecord } from './tree-messages.ts'

export interface Deadline {
  /** Milliseconds since 1970. */
  readonly at: number
  /** Whose `timeout` it is. */
  readonly run: RunRecord
}

/** When the attempt ends at the latest; undefined: neither it nor a caller of it has a time-out. */
export function deadlineOf(run: RunRecord, runs: ReadonlyMap<string, RunRecord>): Deadline | undefined {
  const own = ownDeadline(run)
  const callers = callersDeadline(run, runs)
  return own && callers ? (own.at < callers.at ? own : callers) : (own ?? callers)
}

/** The deadline that comes from above. A shielded run has none: it is there for what is left to do when its caller's time is over. */
export function callersDeadline(run: RunRecord, runs: ReadonlyMap<string, RunRecord>): Deadline | undefined {
  const caller = run.parent === null || run.shield ? undefined : runs.get(run.parent)
  return caller && deadlineOf(caller, runs)
}

function ownDeadline(run: RunRecord): Deadline | undefined {
  const { timeoutMs } = run.options
  const isTimed = run.phase === 'running' || run.phase === 'closing'
  return isTimed && timeoutMs !== undefined && run.startedAt !== undefined ? { at: run.startedAt + timeoutMs, run } : undefined
}

export function timeoutReason(run: RunRecord): CancelReason {
  return { code: 'TASK_TIMEOUT', message: `${run.id} timed out after ${formatDuration(run.options.timeoutMs ?? 0)}` }
}

export function startTimeoutReason(run: RunRecord): CancelReason {
  const late = `${run.id} did not start within ${formatDuration(run.options.startTimeoutMs ?? 0)}`
  return { code: 'TASK_TIMEOUT', message: `${late}${whatItWaitedFor(run)}` }
}

function whatItWaitedFor({ phase, startPhase }: RunRecord): string {
  if (phase === 'queued') return ': it waited for a place'
  return startPhase ? `: ${startWords[startPhase.phase]}${startPhase.detail ? ` (${startPhase.detail})` : ''}` : ''
}

const startWords: Record<StartPhase['phase'], string> = {
  preparing: 'its engine was being prepared',
  pulling: 'its image was being pulled',
  creating: 'its worker was being created',
  waiting: 'its worker was waiting',
  booting: 'its worker was loading',
}

/** Why a child ends with its caller. What came down from further up is passed on as it is. */
export function inheritedReason(reason: CancelReason, caller: RunRecord): CancelReason {
  const { code, message } = reason
  if (message.startsWith('its caller ')) return reason
  if (code === 'TASK_TIMEOUT') return { code, message: `its caller ${message}` }
  return { code: 'TASK_CANCELLED', message: `its caller ${caller.id} was cancelled: ${message}` }
}

/** The error of a run that fails although it has attempts left: the next one would begin after its caller's deadline. */
export function noTimeError(run: RunRecord, error: ErrorSummary, delayMs: number, deadline: Deadline, now: number): ErrorSummary {
  const left = `${deadline.run.id} times out in ${formatDuration(Math.max(0, Math.round(deadline.at - now)))}`
  const message = `${run.id} has no time for another attempt: it would begin in ${formatDuration(delayMs)}, and its caller ${left}. Attempt ${run.attempt} ended with: ${error.message}`
  return { code: 'TASK_TIMEOUT', name: 'TaskTimeoutError', message, path: [{ id: run.id, task: run.name }] }
}
