/** Small checks from which the shape of each message is put together. A check answers the value with its type, or throws a `FieldFault`. */
import { cut } from './cut-summary.ts'

export type Check<T> = (value: unknown, field: string) => T

/** For each field of T its check: an optional field needs one made by `optional`, and no field can be forgotten. */
export type Shape<T> = { readonly [K in keyof T]-?: {} extends Pick<T, K> ? Optional<Exclude<T[K], undefined>> : Check<T[K]> }

export interface Optional<T> {
  readonly optional: Check<T>
}

/** What is wrong with one field; turned into a `ProtocolError` where the type of the message is known. */
export class FieldFault extends Error {}

const MAX_SHOWN = 60
/** Deeper data would overflow the stack of whoever writes it out again. */
const MAX_DEPTH = 64

export function refuse(field: string, needed: string, value: unknown): never {
  const name = JSON.stringify(field.slice(0, MAX_SHOWN))
  throw new FieldFault(value === undefined ? `has no ${name}; ${needed} is needed` : `has ${name}: ${shown(value)}; ${needed} is needed`)
}

/** A value as an error message shows it: short, and without walking into it. */
function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object'
  const json = JSON.stringify(value)
  return json.length > MAX_SHOWN ? `${json.slice(0, MAX_SHOWN)}...` : json
}

export const text: Check<string> = (value, field) => (typeof value === 'string' ? value : refuse(field, 'text', value))

/** Text for people that may be cut: the end of a very long one is lost. */
export function upTo(length: number): Check<string> {
  return (value, field) => cut(text(value, field), length)
}

/** A name: shown to people, so not of any length. */
export const label: Check<string> = (value, field) =>
  typeof value === 'string' && value.length <= 1024 ? value : refuse(field, 'text of at most 1024 characters', value)

/** An id of a run or a worker: not empty, and short enough to be shown and to name a file. */
export const id: Check<string> = (value, field) =>
  typeof value === 'string' && value !== '' && value.length <= 256 ? value : refuse(field, 'an id of 1 to 256 characters', value)

export const boolean: Check<boolean> = (value, field) => (typeof value === 'boolean' ? value : refuse(field, 'true or false', value))

export const number: Check<number> = (value, field) =>
  typeof value === 'number' && Number.isFinite(value) ? value : refuse(field, 'a number', value)

export const positive: Check<number> = (value, field) =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : refuse(field, 'a number above 0', value)

/** A whole number from 0. */
export const count: Check<number> = (value, field) => {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  return refuse(field, 'a whole number from 0', value)
}

/** A whole number from 1. */
export const atLeastOne: Check<number> = (value, field) => {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value
  return refuse(field, 'a whole number from 1', value)
}

export function isOneOf<const T extends string>(...words: readonly T[]): (value: unknown) => value is T {
  const known: ReadonlySet<unknown> = new Set(words)
  return (value): value is T => known.has(value)
}

export function oneOf<const T extends string>(...words: readonly T[]): Check<T> {
  const isKnown = isOneOf(...words)
  return (value, field) => (isKnown(value) ? value : refuse(field, `one of ${words.join(', ')}`, value))
}

export function optional<T>(check: Check<T>): Optional<T> {
  return { optional: check }
}

export function nullable<T>(check: Check<T>): Check<T | null> {
  return (value, field) => (value === null ? null : check(value, field))
}

export function list<T>(check: Check<T>): Check<readonly T[]> {
  return (value, field) => {
    if (!Array.isArray(value)) return refuse(field, 'a list', value)
    return value.map((item, index) => check(item, `${field}[${index}]`))
  }
}

/** A JSON object that is not nested too deep. */
export function isData(value: unknown): value is Readonly<Record<string, unknown>> {
  return isRecord(value) && isWithin(value, MAX_DEPTH)
}

export const data: Check<Readonly<Record<string, unknown>>> = (value, field) =>
  isData(value) ? value : refuse(field, `an object of at most ${MAX_DEPTH} levels`, value)

function isWithin(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every((item) => isWithin(item, levels - 1))
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function fieldsOf(value: unknown, field: string): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : refuse(field, 'an object', value)
}

export function recordOf<T>(check: Check<T>): Check<Readonly<Record<string, T>>> {
  return (value, field) => {
    const items = Object.entries(fieldsOf(value, field))
    return Object.fromEntries(items.map(([key, item]) => [key, check(item, `${field}.${key}`)]))
  }
}

/** Takes the known fields and leaves the others behind. */
export function object<T extends object>(shape: Shape<T>): Check<T> {
  const fields = Object.entries<Check<unknown> | Optional<unknown>>(shape)
  return (value, field) => {
    const from = fieldsOf(value, field)
    const taken: Record<string, unknown> = {}
    for (const [key, check] of fields) {
      const at = field === '' ? key : `${field}.${key}`
      if (typeof check === 'function') taken[key] = check(from[key], at)
      else if (from[key] !== undefined) taken[key] = check.optional(from[key], at)
    }
    return taken as T
  }
}
