import type { CallOutcome } from './caller.ts'
import type { ErrorSummary } from './events.ts'
import { EngineError, TaskCancelledError, TaskFailedError, TaskLostError, TaskTimeoutError, ValidationError } from './errors.ts'
import { decodeError, type ErrorClass } from './error-wire.ts'

interface FailedCall {
  readonly id: string
  readonly task: string
  readonly outcome: Exclude<CallOutcome, { status: 'done' }>
  readonly callStack: string
  readonly listed: readonly ErrorClass[]
}

/** The error that a caller sees for a run that did not end well: its class says how, its stack is the caller's own line. */
export function callError(call: FailedCall): Error {
  return withStack(createError(call), call.callStack)
}

/** The same error with the frames of a call. */
export function withStack<E extends Error>(error: E, callStack: string): E {
  const [head] = `${error.name}: ${error.message}`.split('\n    at ', 1)
  return Object.defineProperty(error, 'stack', { value: `${head}\n${callStack}`, configurable: true, writable: true, enumerable: false })
}

function createError({ id, task, outcome, listed }: FailedCall): Error {
  const { error, value } = outcome
  const base = { taskId: id, task, message: error.message }
  const cause = value && decodeError(value, listed)
  switch (error.code) {
    case 'TASK_CANCELLED':
      return new TaskCancelledError(base)
    case 'TASK_TIMEOUT':
      return new TaskTimeoutError(base)
    case 'TASK_LOST':
      return new TaskLostError({ ...base, ...(error.exit ? { exit: error.exit } : {}), lastLines: error.lastLines ?? [] })
    case 'INVALID_INPUT':
    case 'INVALID_OUTPUT':
      return new ValidationError({ ...base, code: error.code, issues: issuesOf(cause) })
    case 'ENGINE':
      return new EngineError(error.message)
    default:
      return new TaskFailedError({
        ...base,
        message: `${id} failed: ${described(error)}`,
        code: error.code,
        cause: cause ?? new Error(error.message),
        path: error.path ?? [{ id, task }],
      })
  }
}

function described(error: ErrorSummary): string {
  return error.name && error.name !== 'Error' ? `${error.name}: ${error.message}` : error.message
}

function issuesOf(cause: Error | undefined): readonly { message: string; path?: readonly PropertyKey[] }[] {
  const issues = (cause as { issues?: unknown } | undefined)?.issues
  return Array.isArray(issues) ? (issues as { message: string }[]) : []
}
