/** The parts that several messages are made of. */
import type { Exit } from '../core/engine.ts'
import type { ErrorCause, ErrorSummary, LogLevel, LogStream, Preview, Status, TaskRef } from '../core/events.ts'
import { count, FieldFault, id, isOneOf, label, list, number, object, oneOf, optional, text, upTo, type Check } from './checks.ts'
import { MAX_REASON } from './cut-reason.ts'
import { cutSummary } from './cut-summary.ts'
import type { CancelReason, ValueHeader } from './messages.ts'

type PathStep = NonNullable<ErrorSummary['path']>[number]

export const status: Check<Status> = oneOf('waiting', 'starting', 'running', 'done', 'failed', 'cancelled')

export const outcome: Check<'done' | 'failed' | 'cancelled'> = oneOf('done', 'failed', 'cancelled')

const logLevels = ['debug', 'info', 'warn', 'error'] as const
const logStreams = ['stdout', 'stderr', 'log'] as const

export const logLevel: Check<LogLevel> = oneOf(...logLevels)
export const isLogLevel: (value: unknown) => value is LogLevel = isOneOf(...logLevels)

export const logStream: Check<LogStream> = oneOf(...logStreams)
export const isLogStream: (value: unknown) => value is LogStream = isOneOf(...logStreams)

export const taskRef: Check<TaskRef> = object<TaskRef>({ module: label, export: label, ordinal: optional(count) })

export const cancelReason: Check<CancelReason> = object<CancelReason>({
  code: oneOf('TASK_CANCELLED', 'TASK_TIMEOUT'),
  message: upTo(MAX_REASON),
})

const format = oneOf('json', 'tagged')

const looseHeader = object<ValueHeader>({ format, text: count, size: count, stream: optional(count) })

export const valueHeader: Check<ValueHeader> = (value, field) => {
  const header = looseHeader(value, field)
  if (header.text > header.size) {
    throw new FieldFault(`has "${field}" with ${header.text} bytes of text in a value of ${header.size} bytes`)
  }
  return header
}

export const exit: Check<Exit> = object<Exit>({
  how: oneOf('exited', 'killed', 'out-of-memory', 'removed', 'lost'),
  code: optional(number),
  signal: optional(text),
  detail: optional(text),
})

const wholeSummary = object<ErrorSummary>({
  code: oneOf(
    'TASK_FAILED',
    'TASK_CANCELLED',
    'TASK_TIMEOUT',
    'TASK_LOST',
    'TASK_NOT_LOADED',
    'INVALID_INPUT',
    'INVALID_OUTPUT',
    'RPC_CLOSED',
    'NO_HANDLER',
    'NOT_SERIALIZABLE',
    'PAYLOAD_TOO_LARGE',
    'LIMIT_EXCEEDED',
    'ENGINE',
    'PROTOCOL',
    'USAGE',
  ),
  name: text,
  message: text,
  stack: optional(text),
  causes: optional(list(object<ErrorCause>({ name: text, message: text, stack: optional(text) }))),
  path: optional(list(object<PathStep>({ id, task: text, at: optional(text) }))),
  exit: optional(exit),
  lastLines: optional(list(text)),
})

export const errorSummary: Check<ErrorSummary> = (value, field) => cutSummary(wholeSummary(value, field))

const textPreview = object<Extract<Preview, { text: string }>>({ format, text })
const sizePreview = object<Extract<Preview, { bytes: number }>>({ bytes: count })

export const preview: Check<Preview> = (value, field) =>
  typeof value === 'object' && value !== null && 'bytes' in value ? sizePreview(value, field) : textPreview(value, field)
