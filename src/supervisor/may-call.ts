/** Whether a run may still have children, and decide about them. */
import type { CancelReason } from '../core/caller.ts'
import type { NewRun, RunRecord } from './tree-messages.ts'

/** Nobody is there any more to hear of the call: its caller is gone, or has begun another attempt. */
export function isOrphan(call: NewRun, parent: RunRecord | undefined): boolean {
  if (call.parent === null) return false
  return parent?.worker !== 'live' || parent.attempt !== call.callerAttempt
}

/** Why a parent that hears of it may not call any more: it has ended, or is being cancelled and the call is not shielded. */
export function refusal(parent: RunRecord, shield: boolean): CancelReason | undefined {
  if (parent.outcome || parent.phase === 'settled') return { code: 'TASK_CANCELLED', message: `its caller ${parent.id} has ended` }
  if (parent.cancel && !shield) return { code: 'TASK_CANCELLED', message: `its caller ${parent.id} is cancelled` }
  return undefined
}

/** Whether a caller is there to say that there is another attempt of a run; a root's, which is none here, ends with its client. */
export function canAnswer(parent: RunRecord | undefined): boolean {
  return !parent || (parent.worker === 'live' && !parent.outcome)
}
