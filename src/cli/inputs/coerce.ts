import { didYouMean } from '../../core/nearest.ts'
import type { JsonSchema } from '../../project/json-schema.ts'
import { typeText, variantsOf } from './schema-types.ts'

export type Coerced = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: string }

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

/** Text by the declared type: `007` stays text where text is asked for, `7.5` is no integer. */
export function coerceText(text: string, schema: JsonSchema, root: JsonSchema): Coerced {
  const variants = variantsOf(schema, root).toSorted((a, b) => rank(a) - rank(b))
  for (const variant of variants) {
    const value = asVariant(text, variant)
    if (value !== NO) return { ok: true, value }
  }
  return { ok: false, problem: problemOf(text, schema, variants, root) }
}

/** Text without a schema: JSON if it parses and loses nothing, else the text itself. */
export function guessText(text: string): unknown {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'number' && !survives(value, text) ? text : value
  } catch {
    return text
  }
}

const NO = Symbol('not this variant')

function asVariant(text: string, variant: JsonSchema): unknown {
  if (variant.const !== undefined) return String(variant.const) === text ? variant.const : NO
  if (variant.enum) {
    const found = variant.enum.find((value) => String(value) === text)
    return found === undefined ? NO : found
  }
  if (variant['x-cowait'] === 'date') return asDate(text)
  if (variant['x-cowait'] === 'bigint') return /^[+-]?\d+n?$/.test(text) ? BigInt(text.replace(/n$/, '')) : NO
  switch (variant.type) {
    case 'null':
      return text === 'null' ? null : NO
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : NO
    case 'integer':
      return NUMBER.test(text) && Number.isInteger(Number(text)) ? Number(text) : NO
    case 'number':
      return NUMBER.test(text) && Number.isFinite(Number(text)) ? Number(text) : NO
    case 'string':
      return text
    case 'object':
    case 'array':
      return asJson(text, variant.type)
    default:
      return variant.properties ? asJson(text, 'object') : guessText(text)
  }
}

function asDate(text: string): unknown {
  const date = new Date(text)
  return Number.isNaN(date.getTime()) ? NO : date
}

function asJson(text: string, type: 'object' | 'array'): unknown {
  try {
    const value = JSON.parse(text) as unknown
    const isArray = Array.isArray(value)
    return type === 'array' ? (isArray ? value : NO) : typeof value === 'object' && value !== null && !isArray ? value : NO
  } catch {
    return NO
  }
}

/** Narrow types first, plain text last. */
function rank(variant: JsonSchema): number {
  if (variant.const !== undefined || variant.enum) return 0
  if (variant['x-cowait']) return 1
  return { null: 2, boolean: 2, integer: 3, number: 3, object: 4, array: 4, string: 9 }[String(variant.type)] ?? 8
}

function problemOf(text: string, schema: JsonSchema, variants: readonly JsonSchema[], root: JsonSchema): string {
  const choices = variants.flatMap((variant) => variant.enum ?? (variant.const === undefined ? [] : [variant.const])).map(String)
  if (choices.length > 0) {
    return `expected ${choices.map((choice) => JSON.stringify(choice)).join(', ')}, got ${JSON.stringify(text)}.${didYouMean(text, choices)}`
  }
  const type = typeText(schema, root)
  return `expected ${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}, got ${JSON.stringify(text)}`
}

function survives(value: number, text: string): boolean {
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value) || /[.e]/i.test(text))
}
