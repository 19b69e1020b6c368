/** The errors of runs that no function ended: cancelled, timed out, lost. */
import type { Exit } from '../core/engine.ts'
import type { ErrorSummary } from '../core/events.ts'
import { formatDuration } from '../core/duration.ts'
import type { RunRecord } from './tree-messages.ts'

export function cancelledError(run: RunRecord): ErrorSummary {
  const message = `${run.id} was cancelled: ${run.cancel?.reason.message}${howItEnded(run)}`
  return { code: 'TASK_CANCELLED', name: 'TaskCancelledError', message, path: [{ id: run.id, task: run.name }] }
}

export function timedOutError(run: RunRecord): ErrorSummary {
  const reason = run.cancel?.reason.message ?? ''
  const message = `${reason.startsWith(run.id) ? reason : `${run.id} was out of time: ${reason}`}${howItEnded(run)}`
  return { code: 'TASK_TIMEOUT', name: 'TaskTimeoutError', message, path: [{ id: run.id, task: run.name }] }
}

function howItEnded({ cancel }: RunRecord): string {
  if (!cancel?.killed) return ''
  return cancel.graceMs === 0
    ? ' (it was killed)'
    : ` (it did not stop by itself and was killed after its grace of ${formatDuration(cancel.graceMs)})`
}

/** What happened to a worker that ended without an answer. */
export function lostError(run: RunRecord, exit: Exit, lastLines: readonly string[]): ErrorSummary {
  const message = `${run.id} was lost: ${describeExit(exit)}`
  return { code: 'TASK_LOST', name: 'TaskLostError', message, path: [{ id: run.id, task: run.name }], exit, lastLines }
}

export function describeExit(exit: Exit): string {
  const detail = exit.detail ? ` (${exit.detail})` : ''
  switch (exit.how) {
    case 'exited': {
      const hint = exit.code ? '' : '. Was process.exit() called?'
      return `its worker left with exit code ${exit.code ?? 0} before it answered${detail}${hint}`
    }
    case 'killed':
      return `its worker was killed by ${exit.signal ?? 'a signal'}${detail}`
    case 'out-of-memory':
      return `its worker ran out of memory${detail}. Raise the memory option`
    case 'removed':
      return `its worker was removed from outside${detail}`
    case 'lost':
      return `the connection to its worker was lost${detail}`
    default:
      return exit.how satisfies never
  }
}
