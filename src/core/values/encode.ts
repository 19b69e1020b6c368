import { NotSerializableError } from '../errors.ts'
import type { Encoded } from '../value.ts'
import { AttachmentWriter } from './attachments.ts'
import { codeOfClass } from './binary-types.ts'
import { builtinClassOf, isArrayPrototype, isError, isPlainPrototype } from './builtin-class.ts'
import { define } from './define.ts'
import { readError } from './error-fields.ts'
import { MAX_CAUSES, MAX_DECIMAL_DIGITS, MAX_DEPTH, MAX_HOLES, MAX_REGEXP_LENGTH, MAX_REGEXPS_LENGTH, MAX_URL_LENGTH } from './limits.ts'
import { formatPath, type Step } from './path.ts'
import { cycleTo, type Refusal, refusalOf, regExpTooLong, symbolKey, tooDeep, tooSparse, urlTooLong } from './refusal.ts'

/**
 * A value as bytes that any other process can read (see docs/values.md). The value may be changed afterwards.
 * Throws a `NotSerializableError` whose message begins with the offender's path below `label`: `input.a.deep[1] is a function`.
 */
export function encode(value: unknown, label = 'value'): Encoded {
  return encodeAs(new Encoder(label), value, (json) => json)
}

/** As `encode`, as a list that has the value as its only item, to be joined with others: its attachments come behind `base` bytes of theirs. */
export function encodeItem(value: unknown, label: string, base: number): Encoded {
  return encodeAs(new Encoder(label, base), value, (json) => `[${json}]`)
}

function encodeAs(encoder: Encoder, value: unknown, textOf: (json: string) => string): Encoded {
  try {
    const wire = encoder.value(value, 0)
    const document = encoder.attachments.finish(textOf(JSON.stringify(wire)))
    return { format: encoder.isTagged ? 'tagged' : 'json', ...document }
  } catch (error) {
    if (error instanceof NotSerializableError) throw error
    throw unreadable(encoder.label, error)
  }
}

function unreadable(label: string, cause: unknown): NotSerializableError {
  const why = cause instanceof Error ? cause.message : String(cause)
  if (cause instanceof RangeError && /string length|array (?:buffer )?(?:length|allocation)/i.test(why)) {
    const advice = 'Pass large data as a Buffer, in smaller pieces, or by reference.'
    return new NotSerializableError(`${label} is too large for one value. ${advice}`, { code: 'PAYLOAD_TOO_LARGE', cause })
  }
  return new NotSerializableError(`${label} cannot be read: ${why}. A getter or a proxy in it threw.`, { cause })
}

/** Stands in the way of finding a cycle for the levels of JSON that a tag adds; equal to no value. */
const tagLevel = Symbol('tag')
const hugeInteger = 10n ** BigInt(MAX_DECIMAL_DIGITS)

/**
 * Turns values into what `JSON.stringify` writes. A plain object or array that needs no tag is not copied but passed on as it is.
 * A depth counts brackets of the JSON text, so a tag's content is deeper than the value itself.
 */
class Encoder {
  isTagged = false
  readonly label: string
  readonly attachments: AttachmentWriter
  /** By depth: the objects around the current one, and the step taken out of each. */
  readonly #around: unknown[] = []
  readonly #steps: Step[] = []
  #errorsAround = 0
  #regExpsLength = 0
  /** What the last refusal said, without its advice. */
  #refused = ''

  constructor(label: string, base = 0) {
    this.label = label
    this.attachments = new AttachmentWriter(base)
  }

  value(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value
      case 'number':
        return isPlainNumber(value) ? value : this.#tag('num', Object.is(value, -0) ? '-0' : String(value), depth)
      case 'undefined':
        return this.#bareTag('undef', depth)
      case 'bigint':
        return this.#tag('int', integerText(value), depth)
      case 'object':
        return value === null ? null : this.#object(value, depth)
      default:
        return this.#refuse(refusalOf(value), depth)
    }
  }

  #object(value: object, depth: number): unknown {
    for (let i = 0; i < depth; i++) if (this.#around[i] === value) this.#refuse(cycleTo(this.#path(i)), depth)
    if (depth >= MAX_DEPTH) this.#refuse(tooDeep, depth)
    this.#around[depth] = value
    const prototype = Object.getPrototypeOf(value) as object | null
    if (Array.isArray(value) && isArrayPrototype(prototype)) return this.#array(value, depth)
    return isPlainPrototype(prototype) ? this.#record(value as Record<string, unknown>, depth) : this.#special(value, depth)
  }

  #array(source: readonly unknown[], depth: number): unknown {
    let copy: unknown[] | undefined
    for (let i = 0; i < source.length; i++) {
      const item = source[i]
      let wire = item
      if (!isPlainLeaf(item)) {
        this.#steps[depth] = i
        wire = item === undefined && !(i in source) ? this.#hole(source, depth) : this.value(item, depth + 1)
        if (copy === undefined && wire !== item) copy = source.slice(0, i)
      }
      if (copy !== undefined) copy.push(wire)
    }
    return copy ?? source
  }

  #hole(source: readonly unknown[], depth: number): unknown {
    if (source.length > MAX_HOLES && source.length - Object.keys(source).length > MAX_HOLES) this.#refuse(tooSparse, depth)
    return this.#bareTag('hole', depth + 1)
  }

  #record(source: Record<string, unknown>, depth: number): unknown {
    if (Object.getOwnPropertySymbols(source).length > 0) this.#refuseSymbolKeys(source, depth)
    const isEscaped = source['$'] !== undefined && Object.hasOwn(source, '$')
    const inner = isEscaped ? this.#enterTag(depth, 2) : depth
    const keys = Object.keys(source)
    let copy: Record<string, unknown> | undefined
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string
      const item = source[key]
      let wire = item
      if (!isPlainLeaf(item) && item !== undefined) {
        this.#steps[depth] = key
        if (key === 'then' && typeof item === 'function') this.#refuse(refusalOf(source), depth)
        wire = this.value(item, inner + 1)
        if (copy === undefined && wire !== item) copy = copyOf(source, keys, i)
      }
      if (copy !== undefined) define(copy, key, wire)
    }
    return isEscaped ? this.#tag('obj', copy ?? source, depth) : (copy ?? source)
  }

  #special(value: object, depth: number): unknown {
    if (isError(value)) return this.#error(value, depth)
    const name = builtinClassOf(value)
    switch (name) {
      case undefined:
        return this.#refuse(refusalOf(value), depth)
      case 'Date':
        return this.#tag('date', Number.isNaN((value as Date).getTime()) ? null : (value as Date).toISOString(), depth)
      case 'Map':
        return this.#map(value as ReadonlyMap<unknown, unknown>, depth)
      case 'Set':
        return this.#set(value as ReadonlySet<unknown>, depth)
      case 'RegExp':
        return this.#regExp(value as RegExp, depth)
      case 'URL':
        return this.#url(value as URL, depth)
      default:
        return this.#bytes(value as ArrayBufferView | ArrayBuffer, binaryCode(name), depth)
    }
  }

  #map(source: ReadonlyMap<unknown, unknown>, depth: number): unknown {
    const pairs: unknown[] = []
    const inner = this.#enterTag(depth, 3)
    for (const [key, item] of source) {
      this.#steps[depth] = { written: `.keys()[${pairs.length}]` }
      const wireKey = this.value(key, inner + 1)
      this.#steps[depth] = { written: typeof key === 'string' ? `.get(${JSON.stringify(key)})` : `.values()[${pairs.length}]` }
      pairs.push([wireKey, this.value(item, inner + 1)])
    }
    return this.#tag('map', pairs, depth)
  }

  #set(source: ReadonlySet<unknown>, depth: number): unknown {
    const items: unknown[] = []
    const inner = this.#enterTag(depth, 2)
    for (const item of source) {
      this.#steps[depth] = { written: `.values()[${items.length}]` }
      items.push(this.value(item, inner + 1))
    }
    return this.#tag('set', items, depth)
  }

  #regExp({ source, flags }: RegExp, depth: number): unknown {
    this.#regExpsLength += source.length
    if (source.length > MAX_REGEXP_LENGTH || this.#regExpsLength > MAX_REGEXPS_LENGTH) this.#refuse(regExpTooLong, depth)
    if (depth >= MAX_DEPTH) this.#refuse(tooDeep, depth)
    this.isTagged = true
    return { $: 're', v: source, f: flags }
  }

  #url({ href }: URL, depth: number): unknown {
    if (href.length > MAX_URL_LENGTH) this.#refuse(urlTooLong, depth)
    return this.#tag('url', href, depth)
  }

  #bytes(source: ArrayBufferView | ArrayBuffer, type: string, depth: number): unknown {
    if (depth >= MAX_DEPTH) this.#refuse(tooDeep, depth)
    this.isTagged = true
    return { $: 'bin', t: type, at: this.attachments.add(source), n: source.byteLength }
  }

  /** An error always crosses: what in it cannot is replaced by a note. */
  #error(error: Error, depth: number): unknown {
    if (this.#errorsAround > MAX_CAUSES) return note(`${countCauses(error)} more causes`)
    this.#errorsAround++
    try {
      return this.#errorFields(error, depth)
    } finally {
      this.#errorsAround--
    }
  }

  #errorFields(error: Error, depth: number): unknown {
    const { cause, errors, data, ...rest } = readError(error)
    this.#enterTag(depth, 3)
    const wire: Record<string, unknown> = rest
    if (cause) wire['cause'] = this.#lenient(cause.value, 'cause', depth)
    if (errors) wire['errors'] = errors.map((item, i) => this.#lenient(item, { written: `.errors[${i}]` }, depth))
    if (data.length > 0) {
      const fields = {}
      for (const [key, item] of data) define(fields, key, this.#lenient(item, key, depth))
      wire['data'] = fields
    }
    return this.#tag('err', wire, depth)
  }

  #lenient(value: unknown, step: Step, depth: number): unknown {
    const { count } = this.attachments
    try {
      this.#steps[depth] = step
      return this.value(value, this.#enterTag(depth, 3) + 1)
    } catch (failure) {
      this.attachments.rollBack(count)
      return note(failure instanceof NotSerializableError ? this.#refused : 'reading it threw')
    }
  }

  /** The depth of a tag's innermost bracket, when the tag opens so many. */
  #enterTag(depth: number, brackets: number): number {
    if (depth + brackets > MAX_DEPTH) this.#refuse(tooDeep, depth)
    for (let i = depth + 1; i < depth + brackets; i++) this.#around[i] = tagLevel
    return depth + brackets - 1
  }

  #tag(name: string, v: unknown, depth: number): unknown {
    if (depth >= MAX_DEPTH) this.#refuse(tooDeep, depth)
    this.isTagged = true
    return { $: name, v }
  }

  #bareTag(name: string, depth: number): unknown {
    if (depth >= MAX_DEPTH) this.#refuse(tooDeep, depth)
    this.isTagged = true
    return { $: name }
  }

  #refuseSymbolKeys(source: object, depth: number): void {
    for (const key of Object.getOwnPropertySymbols(source)) {
      if (Object.prototype.propertyIsEnumerable.call(source, key)) this.#refuse(symbolKey(key), depth)
    }
  }

  #refuse({ problem, advice }: Refusal, depth: number): never {
    this.#refused = `${this.#path(depth)} ${problem}`
    throw new NotSerializableError(`${this.#refused}: ${advice}`)
  }

  /** The path of what is found at this depth. */
  #path(depth: number): string {
    const steps = this.#steps.slice(0, depth).filter((_, i) => this.#around[i] !== tagLevel)
    return formatPath(this.label, steps)
  }
}

/** What JSON writes as it is. */
function isPlainLeaf(value: unknown): boolean {
  return typeof value === 'string' || value === null || typeof value === 'boolean' || (typeof value === 'number' && isPlainNumber(value))
}

function isPlainNumber(value: number): boolean {
  return value === 0 ? 1 / value > 0 : value - value === 0
}

function integerText(value: bigint): string {
  if (value < hugeInteger && value > -hugeInteger) return String(value)
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`
}

function binaryCode(className: string): string {
  if (className === 'ArrayBuffer') return 'ab'
  return className === 'Buffer' ? 'buf' : (codeOfClass(className) ?? 'u8')
}

/** The first `count` fields, as they are. */
function copyOf(source: Record<string, unknown>, keys: readonly string[], count: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  for (let i = 0; i < count; i++) define(copy, keys[i] as string, source[keys[i] as string])
  return copy
}

function note(text: string): string {
  return `[left out: ${text}]`
}

function countCauses(error: Error): number {
  const seen = new Set<unknown>()
  for (let cause: unknown = error; cause instanceof Error && !seen.has(cause) && seen.size < 1_000; cause = cause.cause) seen.add(cause)
  return seen.size
}
