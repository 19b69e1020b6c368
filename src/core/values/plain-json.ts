import type { Encoded } from '../value.ts'
import { isError } from './builtin-class.ts'
import { decode } from './decode.ts'
import { readError } from './error-fields.ts'

/** A value as JSON that any program reads, for stdout: what JSON has no form for is written in the nearest one (see docs/values.md). */
export function toPlainJson(encoded: Encoded): unknown {
  return plainJsonOf(decode(encoded))
}

/** The same for a value that was decoded already. `undefined` stays what it is: there is nothing to print. */
export function plainJsonOf(value: unknown): unknown {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? value : null
    case 'bigint':
      return String(value)
    case 'object':
      return value === null ? null : plainObject(value)
    default:
      return value
  }
}

function plainObject(value: object): unknown {
  if (Array.isArray(value)) return Array.from(value as unknown[], (item) => plainJsonOf(item) ?? null)
  if (isError(value)) return plainError(value)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (value instanceof URL || value instanceof RegExp) return String(value)
  if (value instanceof Set) return Array.from(value, (item) => plainJsonOf(item) ?? null)
  if (value instanceof Map) return plainMap(value)
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString('base64')
  if (ArrayBuffer.isView(value)) return plainView(value)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainJsonOf(item)]))
}

function plainMap(map: ReadonlyMap<unknown, unknown>): unknown {
  const entries = Array.from(map, ([key, item]) => [key, plainJsonOf(item)] as const)
  if (entries.every(([key]) => typeof key === 'string')) return Object.fromEntries(entries)
  return entries.map(([key, item]) => [plainJsonOf(key) ?? null, item ?? null])
}

/** Bytes as base64; arrays of wider numbers as numbers. */
function plainView(view: ArrayBufferView): unknown {
  const isBytes = view instanceof Uint8Array || view instanceof Uint8ClampedArray || view instanceof DataView
  if (isBytes) return Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('base64')
  return Array.from(view as unknown as Iterable<number | bigint>, plainJsonOf)
}

function plainError(error: Error): unknown {
  const { name, message, code, cause, errors, data } = readError(error)
  return {
    ...Object.fromEntries(data.map(([key, item]) => [key, plainJsonOf(item)])),
    name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(cause ? { cause: plainJsonOf(cause.value) } : {}),
    ...(errors ? { errors: errors.map(plainJsonOf) } : {}),
  }
}
