import { type ErrorClass, ProtocolError, TaskFailedError } from './errors.ts'
import type { ErrorCause, ErrorSummary } from './events.ts'
import { show } from './show.ts'
import { userFrames } from './stack-text.ts'
import type { Encoded } from './value.ts'
import { isError } from './values/builtin-class.ts'
import { decode } from './values/decode.ts'
import { encode } from './values/encode.ts'
import { readError, type ErrorFields } from './values/error-fields.ts'

export type { ErrorClass } from './errors.ts'

/**
 * Whatever was thrown, as bytes. Never throws: a field that cannot cross a border is replaced by a note, very long texts and
 * chains of causes are cut, and what is not an Error becomes one that says so and keeps the value in its field `thrown`.
 */
export function encodeError(error: unknown): Encoded {
  try {
    return encode(toError(error), 'error')
  } catch {
    const { name, message, stack } = summarize(error)
    const text = new Error(message)
    Object.defineProperties(text, { name: { value: name }, stack: { value: stack ?? `${name}: ${message}` } })
    return encode(text, 'error')
  }
}

/**
 * The error that was encoded. Built-in classes, this package's own and the listed ones come back as instances, made without
 * calling a constructor; every other as a `RemoteError`. Throws a `ProtocolError` for bytes that are not an encoded error.
 */
export function decodeError(encoded: Encoded, listed: readonly ErrorClass[] = []): Error {
  const error = decode(encoded, { errors: listed, label: 'error' })
  if (typeof error === 'object' && error !== null && isError(error)) return error
  throw new ProtocolError(`An error was expected, but the document holds ${show(error)}.`)
}

/** Of the error that was thrown in the first place: a `TaskFailedError` only wraps it. Never throws. */
export function summarize(error: unknown): Pick<ErrorSummary, 'name' | 'message' | 'stack' | 'causes'> {
  try {
    const { name, message, stack, ...behind } = readError(original(toError(error)))
    const causes = causesOf(behind)
    return { name, message, ...(stack === undefined ? {} : { stack }), ...(causes.length > 0 && { causes }) }
  } catch {
    return { name: 'Error', message: 'Something was thrown that cannot be read.' }
  }
}

/** What people read of it. */
const MAX_CAUSES = 8

function causesOf(error: Pick<ErrorFields, 'cause' | 'errors'>): ErrorCause[] {
  const found: ErrorCause[] = []
  const seen = new Set<unknown>()
  const visit = ({ cause, errors = [] }: Pick<ErrorFields, 'cause' | 'errors'>): void => {
    for (const value of [...errors.slice(0, MAX_CAUSES), ...(cause ? [cause.value] : [])]) {
      if (found.length === MAX_CAUSES) return
      if (seen.has(value)) continue
      seen.add(value)
      try {
        const error = typeof value === 'object' && value !== null && isError(value) ? readError(original(value)) : undefined
        const frames = userFrames(error?.stack ?? '').join('\n')
        found.push({ name: error?.name ?? '', message: error?.message ?? show(value), ...(frames !== '' && { stack: frames }) })
        if (error) visit(error)
      } catch {
        // A proxy: the error in front of it is told all the same.
        found.push({ name: '', message: '[left out: reading it threw]' })
      }
    }
  }
  visit(error)
  return found
}

const MAX_WRAPPERS = 1_000

function original(error: Error): Error {
  let inner = error
  for (let i = 0; i < MAX_WRAPPERS && inner instanceof TaskFailedError && inner.cause instanceof Error; i++) inner = inner.cause
  return inner
}

function toError(thrown: unknown): Error {
  if (typeof thrown === 'object' && thrown !== null && isError(thrown)) return thrown
  const message = `${described(thrown)} was thrown instead of an Error`
  const error = Object.assign(new Error(message), { thrown })
  error.stack = `Error: ${message}`
  return error
}

function described(thrown: unknown): string {
  if (thrown === undefined || thrown === null) return String(thrown)
  const kind = Array.isArray(thrown) ? 'array' : typeof thrown
  return `${/^[aeiou]/.test(kind) ? 'An' : 'A'} ${kind}, ${show(thrown)},`
}
