import { RemoteError } from '../errors.ts'
import { MAX_ERROR_TEXT } from './limits.ts'
import { classNamesKey, isKnownErrorClass } from './error-classes.ts'

/** An error taken apart. Reading one never throws: a field that cannot be read says so. */
export interface ErrorFields {
  readonly name: string
  /** From the error's own class up to the first that every receiver knows; left out when it is just the name. */
  readonly type?: readonly string[]
  readonly message: string
  readonly stack?: string
  readonly code?: string | number
  readonly cause?: { readonly value: unknown }
  readonly errors?: readonly unknown[]
  readonly data: readonly (readonly [string, unknown])[]
}

/** Has an error's own place on the wire, or belongs to its class. */
const reserved = new Set(['name', 'message', 'stack', 'cause'])
/** Of a `SuppressedError`, which a failing disposal makes. */
const hiddenFields = ['error', 'suppressed']
const MAX_CLASSES = 16
/** So that a text which was cut at one border is not cut again at the next. */
const ROOM_FOR_NOTE = 64

export function readError(error: Error): ErrorFields {
  const names = classNames(error)
  const name = nameOf(error, names)
  const message = textOf(() => error.message) ?? ''
  const stack = textOf(() => error.stack)
  const code = codeOf(error)
  const cause = readable(error, 'cause') ? { value: attempt(() => error.cause) } : undefined
  const errors = Object.hasOwn(error, 'errors') ? attempt(() => (error as { errors?: unknown }).errors) : undefined
  const hiddenErrors = Array.isArray(errors) && !isEnumerable(error, 'errors') ? (errors as unknown[]) : undefined
  return {
    name,
    ...(names.length === 1 && names[0] === name ? {} : { type: names }),
    message,
    ...(stack === undefined ? {} : { stack }),
    ...(code === undefined ? {} : { code }),
    ...(cause ? { cause } : {}),
    ...(hiddenErrors ? { errors: hiddenErrors } : {}),
    data: dataOf(error),
  }
}

function classNames(error: Error): readonly string[] {
  const kept = (error as unknown as { [key: symbol]: unknown })[classNamesKey]
  if (error instanceof RemoteError) return Array.isArray(kept) ? (kept as string[]) : [error.name]
  const names: string[] = []
  let prototype = Object.getPrototypeOf(error) as object | null
  while (prototype !== null && prototype !== Object.prototype && names.length < MAX_CLASSES) {
    const name = attempt(() => Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value?.name as unknown)
    if (typeof name === 'string' && name !== '' && (name !== 'Error' || names.length === 0)) names.push(name.slice(0, 200))
    if (typeof name === 'string' && isKnownErrorClass(name)) break
    prototype = Object.getPrototypeOf(prototype) as object | null
  }
  return names.length > 0 ? names : ['Error']
}

/** A class that did not set a name of its own is called by its class. */
function nameOf(error: Error, names: readonly string[]): string {
  const name = textOf(() => error.name)
  const [own = 'Error'] = names
  if (name === undefined || name === '') return own
  const isInherited = isKnownErrorClass(name) && !isKnownErrorClass(own) && !readable(error, 'name')
  return isInherited ? own : name
}

function codeOf(error: Error): string | number | undefined {
  const code = Object.hasOwn(error, 'code') ? attempt(() => (error as { code?: unknown }).code) : undefined
  if (typeof code === 'string') return capText(code)
  return typeof code === 'number' && Number.isFinite(code) ? code : undefined
}

function dataOf(error: Error): readonly (readonly [string, unknown])[] {
  if (error instanceof RemoteError) return Object.entries(error.data)
  const keys = attempt(() => [
    ...Object.keys(error),
    ...hiddenFields.filter((key) => Object.hasOwn(error, key) && !isEnumerable(error, key)),
  ])
  if (!Array.isArray(keys)) return []
  return (keys as string[])
    .filter((key) => !reserved.has(key) && (key !== 'code' || codeOf(error) === undefined))
    .map((key) => [key, attempt(() => (error as unknown as Record<string, unknown>)[key])] as const)
    .filter(([, value]) => value !== undefined)
}

function readable(error: Error, key: string): boolean {
  return attempt(() => Object.hasOwn(error, key)) === true
}

function isEnumerable(error: Error, key: string): boolean {
  return Object.prototype.propertyIsEnumerable.call(error, key)
}

function textOf(read: () => unknown): string | undefined {
  const text = attempt(read)
  return typeof text === 'string' ? capText(text) : undefined
}

/** What reading gave, or a note that it threw. */
function attempt(read: () => unknown): unknown {
  try {
    return read()
  } catch {
    return '[left out: reading it threw]'
  }
}

/** Keeps the beginning of a very long text, with a note of how much is missing. */
export function capText(text: string): string {
  if (text.length <= MAX_ERROR_TEXT + ROOM_FOR_NOTE) return text
  return `${text.slice(0, MAX_ERROR_TEXT)}\n[${text.length - MAX_ERROR_TEXT} more characters left out]`
}
