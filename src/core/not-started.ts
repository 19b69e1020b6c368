import { CowaitError, UsageError } from './errors.ts'
import type { ErrorCode, ErrorSummary } from './events.ts'

/** What the caller hears of a call that will never be a run; `otherwise` is the code of an error that is none of ours. */
export function notStarted(id: string, error: Error, otherwise: ErrorCode): ErrorSummary {
  const code = error instanceof CowaitError ? error.code : otherwise
  return { code, name: error.name, message: `${id} was not started: ${error.message}` }
}

/** Why a call cannot begin whose id another run has. */
export function idInUse(id: string): UsageError {
  return new UsageError(
    `a run with the id ${id} has not ended yet. Await that one before its id is used again, or give each call an id of its own.`,
  )
}
