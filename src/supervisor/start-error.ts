import type { ErrorSummary } from '../core/events.ts'
import { EngineError, UsageError } from '../core/errors.ts'
import type { RunRecord } from './tree-messages.ts'

/** Why no worker could be had for a run. */
export function startError(run: RunRecord, cause: unknown): { error: ErrorSummary; retryable: boolean } {
  const error = cause instanceof Error ? cause : new Error(String(cause))
  const code = error instanceof UsageError ? 'USAGE' : 'ENGINE'
  const isOurs = error instanceof EngineError || error instanceof UsageError
  const hint = error instanceof EngineError && error.hint && !error.message.includes(error.hint) ? ` ${error.hint}` : ''
  const message = `${run.id} could not start: ${error.message}${hint}`
  const summary: ErrorSummary = {
    code,
    name: error.name,
    message,
    path: [{ id: run.id, task: run.name }],
    ...(isOurs || !error.stack ? {} : { stack: error.stack }),
  }
  return { error: summary, retryable: code === 'ENGINE' }
}
