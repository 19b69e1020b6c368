import type { AttemptOutcome, RunRecord } from './tree-messages.ts'

/**
 * Whether somebody may want to look at what an attempt left behind: it failed by itself, not because of a run that it called, nobody
 * cancelled it, and no other attempt comes.
 */
export function isWorthKeeping(run: RunRecord, outcome: AttemptOutcome): boolean {
  if (outcome.type === 'done' || (run.cancel && run.cancel.reason.code !== 'TASK_TIMEOUT')) return false
  if ((outcome.error.path?.length ?? 1) > 1) return false
  return !outcome.retryable || run.attempt >= (run.options.retry?.attempts ?? 1)
}
