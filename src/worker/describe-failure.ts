import type { TaskDefinition } from '../core/definition.ts'
import { CowaitError, TaskFailedError, ValidationError } from '../core/errors.ts'
import { encodeError, summarize } from '../core/error-wire.ts'
import type { ErrorCode, ErrorSummary } from '../core/events.ts'
import { leftOutNote } from '../core/left-out-note.ts'
import { cleanStack } from '../core/stack-text.ts'
import { taskName } from '../core/task-name.ts'
import type { Encoded } from '../core/value.ts'
import type { Down } from '../protocol/messages.ts'
import { addonNote } from './addon-note.ts'
import { scratchNote } from './scratch-note.ts'

type RunMessage = Extract<Down, { type: 'run' }>

interface Failure {
  readonly error: ErrorSummary
  readonly value: Encoded
  readonly retryable: boolean
}

/** Never throws: also what cannot be looked at is told, as an error that says so. */
export function describeFailure(thrown: unknown, message: RunMessage, definition: TaskDefinition | undefined): Failure {
  try {
    return described(thrown, message, definition)
  } catch {
    return described(new Error(`What was thrown cannot be described: ${summarize(thrown).message}`), message, definition)
  }
}

/** A child's failure goes up as what its function threw, with a longer path: one wrapper however deep the tree. */
function described(thrown: unknown, message: RunMessage, definition: TaskDefinition | undefined): Failure {
  const { run, task } = message
  const here = { id: run, task: taskName(task) }
  const original = thrown instanceof TaskFailedError ? thrown.cause : thrown
  const path = thrown instanceof TaskFailedError ? [here, ...thrown.path] : [here]
  cleanStack(original)
  const code = definition ? codeOf(thrown, run) : 'TASK_NOT_LOADED'
  const retryable = code === 'TASK_FAILED' && !isFinal(original) && wantsRetry(original, path, message, definition)
  const { message: said, ...summary } = summarize(original)
  const note = addonNote(original) ?? scratchNote(original, message.code.path) ?? leftOutNote(original, message.code.path)
  return {
    error: { code, ...summary, message: note === undefined ? said : `${said}\n${note}`, path },
    value: encodeError(original),
    retryable,
  }
}

function codeOf(thrown: unknown, run: string): ErrorCode {
  if (thrown instanceof ValidationError && thrown.taskId === run) return thrown.code
  return thrown instanceof CowaitError && thrown.code === 'NO_HANDLER' ? 'NO_HANDLER' : 'TASK_FAILED'
}

/** An error that says itself that another attempt cannot help, or a validation that failed further down. */
function isFinal(original: unknown): boolean {
  try {
    return (original as { retryable?: unknown } | null)?.retryable === false || original instanceof ValidationError
  } catch {
    return false
  }
}

/** The definition's own `when`, where the caller cannot be asked. It sees the error as a caller would. */
function wantsRetry(
  original: unknown,
  path: TaskFailedError['path'],
  { run, name, attempt, decides }: RunMessage,
  definition: TaskDefinition | undefined,
): boolean {
  const retry = definition?.options.retry
  if (!decides || typeof retry !== 'object' || !retry.when) return true
  const cause = original instanceof Error ? original : new Error(summarize(original).message)
  try {
    return Boolean(
      retry.when(new TaskFailedError({ taskId: run, task: name, message: `${run} failed: ${cause.message}`, cause, path }), attempt),
    )
  } catch {
    return false
  }
}
