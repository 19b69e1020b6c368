import { UsageError } from '../../core/errors.ts'
import { didYouMean } from '../../core/nearest.ts'
import { coerceText, guessText } from './coerce.ts'
import type { InputPart } from './parse-input.ts'
import type { JsonSchema } from '../../project/json-schema.ts'
import { knownKeys, propertyOf, variantsOf } from './schema-types.ts'

type Bag = Record<string, unknown>

/**
 * The input object: what the file gave, with the parts laid over it. A key that is given several times becomes a list. With a
 * schema the declared type decides and an unknown key is an error; without one, text is JSON if it parses.
 */
export function buildInput(base: Readonly<Bag>, parts: readonly InputPart[], schema?: JsonSchema): Bag {
  const input = structuredClone(base) as Bag
  if (schema) for (const key of Object.keys(base)) schemaAt(schema, [key], `-f: ${key}`)
  for (const group of groupByPath(parts)) {
    const [first] = group
    if (!first) continue
    const at = schema && schemaAt(schema, first.path, `-i ${first.source}`)
    place(input, first, group.length > 1 || (at && isList(at, schema)) ? listValue(group, at, schema) : oneValue(first, at, schema))
  }
  return input
}

/** The keys that the schema asks for and the input has not. */
export function missingKeys(input: Readonly<Bag>, schema: JsonSchema): string[] {
  const [only, ...others] = variantsOf(schema, schema)
  return others.length > 0 ? [] : (only?.required ?? []).filter((key) => !Object.hasOwn(input, key))
}

function groupByPath(parts: readonly InputPart[]): InputPart[][] {
  const groups = new Map<string, InputPart[]>()
  for (const part of parts) {
    const key = JSON.stringify(part.path)
    const group = groups.get(key)
    if (group) group.push(part)
    else groups.set(key, [part])
  }
  return [...groups.values()]
}

function schemaAt(schema: JsonSchema, path: readonly string[], where: string): JsonSchema {
  let at = schema
  for (const [index, key] of path.entries()) {
    const next = propertyOf(at, key, schema)
    if (!next) throw unknownKey(where, path.slice(0, index + 1).join('.'), key, knownKeys(at, schema))
    at = next
  }
  return at
}

function unknownKey(where: string, full: string, key: string, known: readonly string[]): UsageError {
  const list = known.length === 0 ? 'It takes none here.' : `It has ${known.join(', ')}.`
  return new UsageError(`${where}: the task has no input ${full}.${didYouMean(key, known) || ` ${list}`}`)
}

function isList(at: JsonSchema, root: JsonSchema): boolean {
  const variants = variantsOf(at, root)
  return variants.length > 0 && variants.every((variant) => variant.type === 'array' || variant.type === 'null')
}

function listValue(group: readonly InputPart[], at: JsonSchema | undefined, root: JsonSchema | undefined): unknown {
  const [first] = group
  if (!at || !root) return group.map((part) => oneValue(part, undefined, undefined))
  const list = variantsOf(at, root).find((variant) => variant.type === 'array')
  if (!list) {
    if (variantsOf(at, root).some((variant) => variant.type === undefined)) return group.map((part) => oneValue(part, undefined, undefined))
    throw new UsageError(`-i ${group[1]?.source}: ${first?.path.join('.')} is not a list and was given ${group.length} times`)
  }
  if (group.length === 1 && first) {
    const { value } = first
    if ('json' in value) return Array.isArray(value.json) ? value.json : [value.json]
    const whole = coerceText(value.text, at, root)
    if (whole.ok && value.text.trimStart().startsWith('[')) return whole.value
  }
  const items = typeof list.items === 'object' ? list.items : {}
  return group.map((part) => oneValue(part, items, root))
}

function oneValue(part: InputPart, at: JsonSchema | undefined, root: JsonSchema | undefined): unknown {
  if ('json' in part.value) return part.value.json
  if (!at || !root) return guessText(part.value.text)
  const coerced = coerceText(part.value.text, at, root)
  if (coerced.ok) return coerced.value
  throw new UsageError(`-i ${part.source}: ${part.path.join('.')}: ${coerced.problem}`)
}

function place(input: Bag, part: InputPart, value: unknown): void {
  let bag = input
  for (const key of part.path.slice(0, -1)) {
    const next = Object.hasOwn(bag, key) ? bag[key] : undefined
    if (next !== undefined && (typeof next !== 'object' || next === null || Array.isArray(next))) {
      throw new UsageError(`-i ${part.source}: ${key} already has a value that is not an object`)
    }
    bag = (next as Bag | undefined) ?? own(bag, key, {})
  }
  own(bag, part.path.at(-1) ?? '', value)
}

/** Defines, never assigns: `__proto__` is a key like any other. */
function own<T>(bag: Bag, key: string, value: T): T {
  Object.defineProperty(bag, key, { value, writable: true, enumerable: true, configurable: true })
  return value
}
