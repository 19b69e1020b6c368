import { inspect, type InspectOptions } from 'node:util'
import type { FailedOutcome } from './caller.ts'
import {
  EngineError,
  TaskCancelledError,
  TaskFailedError,
  TaskLostError,
  TaskTimeoutError,
  ValidationError,
  type ErrorStep,
} from './errors.ts'
import { decodeError, type ErrorClass } from './error-wire.ts'
import type { ErrorSummary } from './events.ts'
import { listedErrors } from './listed-errors.ts'
import { firstFrame, headOf, setStack, userFrames } from './stack-text.ts'

interface FailedCall {
  readonly id: string
  readonly task: string
  readonly outcome: FailedOutcome
  readonly callStack: string
  readonly listed: readonly ErrorClass[]
}

/**
 * The error that a caller sees for a run that did not end well: its class says how. The stack begins with the caller's own frames;
 * that of a function that threw goes on, run by run, down to its line.
 */
export function callError(call: FailedCall): Error {
  const error = createError(call)
  if (!(error instanceof TaskFailedError)) return withStack(error, call.callStack)
  const way = [call.callStack, ...hops(error.path)].filter((part) => part !== '').join('\n')
  withStack(error, [way, ...userFrames(error.cause.stack ?? '')].join('\n'))
  return printsOnce(error, `${headLine(error)}\n${way}`)
}

/** The same error with the frames of a call. */
export function withStack<E extends Error>(error: E, callStack: string): E {
  return setStack(error, `${headLine(error)}\n${callStack}`)
}

function headLine(error: Error): string {
  return headOf(`${error.name}: ${error.message}`)
}

/** From each run of the path the frame in which it called the next one. */
function hops(path: readonly ErrorStep[]): string[] {
  return path.flatMap(({ id, task }, index) => {
    const at = path[index + 1]?.at
    return [`    -- in ${id} (${task})`, ...(at === undefined ? [] : [`    at ${at}`])]
  })
}

/** The cause is printed below the error, so its frames are not printed with the error as well; nor is what the stack says already. */
function printsOnce(error: TaskFailedError, stack: string): TaskFailedError {
  const print = (_depth: number, options: InspectOptions): string => {
    const view = setStack(new Error(error.message, { cause: error.cause }), stack)
    return inspect(Object.setPrototypeOf(view, TaskFailedError.prototype), options)
  }
  return Object.defineProperty(error, inspect.custom, { value: print, enumerable: false, configurable: true })
}

function createError({ id, task, outcome, callStack, listed }: FailedCall): Error {
  const { error, value } = outcome
  const base = { taskId: id, task, message: error.message }
  const cause = value && decodeError(value, listedErrors(listed))
  switch (error.code) {
    case 'TASK_CANCELLED':
      return new TaskCancelledError(base)
    case 'TASK_TIMEOUT':
      return new TaskTimeoutError({ ...base, cause })
    case 'TASK_LOST':
      return new TaskLostError({ ...base, ...(error.exit ? { exit: error.exit } : {}), lastLines: error.lastLines ?? [] })
    case 'INVALID_INPUT':
    case 'INVALID_OUTPUT':
      return new ValidationError({ ...base, code: error.code, issues: issuesOf(cause) })
    case 'ENGINE':
      return new EngineError(error.message)
    default: {
      const [own = { id, task }, ...below] = error.path ?? []
      const at = firstFrame(callStack)
      return new TaskFailedError({
        ...base,
        message: `${id} failed: ${described(error)}`,
        code: error.code,
        cause: cause ?? new Error(error.message),
        path: [{ ...own, ...(at === undefined ? {} : { at }) }, ...below],
      })
    }
  }
}

function described(error: ErrorSummary): string {
  return error.name && error.name !== 'Error' ? `${error.name}: ${error.message}` : error.message
}

function issuesOf(cause: Error | undefined): readonly { message: string; path?: readonly PropertyKey[] }[] {
  const issues = (cause as { issues?: unknown } | undefined)?.issues
  return Array.isArray(issues) ? (issues as { message: string }[]) : []
}
