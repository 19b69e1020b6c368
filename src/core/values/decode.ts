import { type ErrorClass, ProtocolError } from '../errors.ts'
import type { Encoded } from '../value.ts'
import { AttachmentReader, viewOf } from './attachments.ts'
import { viewType } from './binary-types.ts'
import { define } from './define.ts'
import { rebuildError } from './error-classes.ts'
import { MAX_CAUSES, MAX_DECIMAL_DIGITS, MAX_REGEXP_LENGTH, MAX_REGEXPS_LENGTH, MAX_URL_LENGTH } from './limits.ts'
import { parseText } from './parse-text.ts'
import { formatPath, type Step } from './path.ts'

export interface DecodeOptions {
  /** Error classes that come back as instances; others become `RemoteError`s. */
  readonly errors?: readonly ErrorClass[] | undefined
  /** What the value is, for messages: `value` unless told. */
  readonly label?: string | undefined
  /** Each attachment gets memory of its own: the document holds values that do not belong together. */
  readonly isShared?: boolean | undefined
}

/**
 * The value that was encoded. Typed arrays and Buffers are views of `encoded.data` where their place in it allows.
 * The bytes are not trusted: a malformed document throws a `ProtocolError` that names the fault and its path, and does nothing else.
 */
export function decode(encoded: Encoded, { errors = [], label = 'value', isShared = false }: DecodeOptions = {}): unknown {
  const parsed = parseText(encoded, label)
  if (encoded.format === 'json') return parsed
  const decoder = new Decoder(new AttachmentReader(encoded.data, encoded.textBytes, isShared), errors, label)
  return decoder.document(parsed)
}

type Fields = Record<string, unknown>

/** Stands for a missing item until its array is done. */
const hole = Symbol('hole')
const dateTime = /^(?:\d{4}|[+-]\d{6})-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/
const decimal = /^-?\d+$/
const hexadecimal = /^-?0x[\da-f]+$/i

/** Replaces the tags of a parsed document, in place, by what they stand for. */
class Decoder {
  readonly #attachments: AttachmentReader
  readonly #errors: readonly ErrorClass[]
  readonly #label: string
  readonly #steps: Step[] = []
  #errorsAround = 0
  #regExpsLength = 0

  constructor(attachments: AttachmentReader, errors: readonly ErrorClass[], label: string) {
    this.#attachments = attachments
    this.#errors = errors
    this.#label = label
  }

  document(parsed: unknown): unknown {
    const value = this.#value(parsed)
    this.#attachments.finish()
    return value
  }

  #value(wire: unknown): unknown {
    const value = this.#item(wire)
    return value === hole ? this.#fault('a hole is only for arrays') : value
  }

  #item(wire: unknown): unknown {
    if (typeof wire !== 'object' || wire === null) return wire
    if (Array.isArray(wire)) return this.#array(wire)
    return Object.hasOwn(wire, '$') ? this.#tag(wire as Fields) : this.#record(wire as Fields)
  }

  #array(items: unknown[]): unknown[] {
    for (let i = 0; i < items.length; i++) {
      const wire = items[i]
      if (typeof wire !== 'object' || wire === null) continue
      this.#steps.push(i)
      const item = this.#item(wire)
      if (item === hole) Reflect.deleteProperty(items, i)
      else if (item !== wire) items[i] = item
      this.#steps.pop()
    }
    return items
  }

  #record(fields: Fields): Fields {
    for (const key of Object.keys(fields)) {
      const wire = fields[key]
      if (typeof wire !== 'object' || wire === null) continue
      this.#steps.push(key)
      const value = this.#value(wire)
      if (value !== wire) define(fields, key, value)
      this.#steps.pop()
    }
    return fields
  }

  #tag(wire: Fields): unknown {
    const { $: tag, v } = wire
    switch (tag) {
      case 'undef':
        return undefined
      case 'hole':
        return hole
      case 'num':
        return this.#number(v)
      case 'int':
        return this.#integer(v)
      case 'date':
        return this.#date(v)
      case 'url':
        return this.#url(v)
      case 're':
        return this.#regExp(v, wire['f'])
      case 'bin':
        return this.#bytes(wire)
      case 'obj':
        return isRecord(v) ? this.#record(v) : this.#fault('tag "obj" needs an object')
      case 'map':
        return this.#map(v)
      case 'set':
        return Array.isArray(v) ? new Set(this.#list(v)) : this.#fault('tag "set" needs a list')
      case 'err':
        return isRecord(v) ? this.#error(v) : this.#fault('tag "err" needs an object')
      default:
        return this.#fault(`there is no tag ${shortened(tag)}`)
    }
  }

  #number(v: unknown): number {
    if (v === 'NaN' || v === 'Infinity' || v === '-Infinity' || v === '-0') return Number(v)
    return this.#fault(`tag "num" is for NaN, Infinity, -Infinity and -0, not ${shortened(v)}`)
  }

  #integer(v: unknown): bigint {
    const isDecimal = typeof v === 'string' && v.length <= MAX_DECIMAL_DIGITS + 1 && decimal.test(v)
    if (typeof v !== 'string' || !(isDecimal || hexadecimal.test(v))) {
      return this.#fault(`tag "int" needs at most ${MAX_DECIMAL_DIGITS} decimal digits or a hexadecimal number, not ${shortened(v)}`)
    }
    return this.#attempt('int', v, () => (v.startsWith('-') ? -BigInt(v.slice(1)) : BigInt(v)))
  }

  #date(v: unknown): Date {
    if (v === null) return new Date(Number.NaN)
    const date = typeof v === 'string' && dateTime.test(v) ? new Date(v) : undefined
    if (date === undefined || Number.isNaN(date.getTime())) return this.#fault(`tag "date" needs a date and time, not ${shortened(v)}`)
    return date
  }

  #url(v: unknown): URL {
    if (typeof v !== 'string' || v.length > MAX_URL_LENGTH)
      return this.#fault(`tag "url" needs a text of at most ${MAX_URL_LENGTH} characters`)
    return this.#attempt('url', v, () => new URL(v))
  }

  #regExp(v: unknown, flags: unknown): RegExp {
    if (typeof v !== 'string' || v.length > MAX_REGEXP_LENGTH || typeof flags !== 'string') {
      return this.#fault(`tag "re" needs a source "v" of at most ${MAX_REGEXP_LENGTH} characters and flags "f"`)
    }
    this.#regExpsLength += v.length
    if (this.#regExpsLength > MAX_REGEXPS_LENGTH) return this.#fault(`its RegExps have more than ${MAX_REGEXPS_LENGTH} characters in all`)
    return this.#attempt('re', v, () => new RegExp(v, flags))
  }

  #bytes({ t: type, at, n: size }: Fields): unknown {
    const kind = typeof type === 'string' ? viewType(type) : undefined
    if (!kind && type !== 'ab' && type !== 'buf') return this.#fault(`tag "bin" does not know the type ${shortened(type)}`)
    const bytes = this.#attempt('bin', `${String(at)}+${String(size)}`, () => this.#attachments.take(at, size))
    if (type === 'ab') return bytes.slice().buffer
    if (type === 'buf') return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    if (kind === undefined || bytes.length % kind.bytesPerElement !== 0)
      return this.#fault(`${bytes.length} bytes are no whole number of items of type ${shortened(type)}`)
    return viewOf(bytes, kind)
  }

  #map(v: unknown): Map<unknown, unknown> {
    const map = new Map()
    for (const pair of Array.isArray(v) ? (v as unknown[]) : this.#fault('tag "map" needs a list')) {
      if (!Array.isArray(pair) || pair.length !== 2) return this.#fault('tag "map" needs a list of pairs')
      const [key, value] = this.#list(pair)
      map.set(key, value)
    }
    return map
  }

  /** A list that cannot have holes. */
  #list(items: unknown[]): unknown[] {
    for (let i = 0; i < items.length; i++) items[i] = this.#value(items[i])
    return items
  }

  #error(fields: Fields): Error {
    const { name, type = [name], message, stack = `${String(name)}: ${String(message)}`, code, cause, errors, data = {} } = fields
    const isNamed = typeof name === 'string' && typeof message === 'string' && typeof stack === 'string'
    if (!isNamed || !isListOfText(type)) return this.#fault('tag "err" needs a name, a message, and maybe a stack and a list of classes')
    if (!isRecord(data) || (errors !== undefined && !Array.isArray(errors))) return this.#fault('tag "err" has malformed data or errors')
    if (this.#errorsAround++ > MAX_CAUSES) return this.#fault(`errors are nested more than ${MAX_CAUSES} deep`)
    const error = rebuildError(
      {
        name,
        type,
        message,
        stack,
        ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
        ...(Object.hasOwn(fields, 'cause') ? { cause: { value: this.#value(cause) } } : {}),
        ...(errors ? { errors: this.#list(errors as unknown[]) } : {}),
        data: this.#record(data),
      },
      this.#errors,
    )
    this.#errorsAround--
    return error
  }

  #attempt<T>(tag: string, text: string, make: () => T): T {
    try {
      return make()
    } catch (cause) {
      return this.#fault(`tag "${tag}" has ${shortened(text)}: ${(cause as Error).message.slice(0, 200)}`)
    }
  }

  #fault(problem: string): never {
    throw new ProtocolError(`${formatPath(this.#label, this.#steps)} is malformed: ${problem}.`)
  }
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isListOfText(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string')
}

function shortened(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  return typeof value === 'object' && value !== null ? (Array.isArray(value) ? 'a list' : 'an object') : String(value)
}
