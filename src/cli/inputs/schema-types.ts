import type { JsonSchema } from '../../project/json-schema.ts'

/** The alternatives that a schema allows, references followed and unions flattened; a schema without a union is its own only one. */
export function variantsOf(schema: JsonSchema, root: JsonSchema, depth = 0): JsonSchema[] {
  if (depth > 16) return [{}]
  if (schema.$ref !== undefined) {
    const target = follow(schema.$ref, root)
    return target ? variantsOf(target, root, depth + 1) : [{}]
  }
  if (schema.allOf) return [mergeAll(schema, root, depth)]
  const union = schema.anyOf ?? schema.oneOf
  if (union) return union.flatMap((one) => variantsOf(one, root, depth + 1))
  if (Array.isArray(schema.type)) return (schema.type as readonly string[]).map((type) => ({ ...schema, type }))
  return [schema]
}

/** The schema of what stands at a path inside an object: nothing when the object does not know that key. */
export function propertyOf(schema: JsonSchema, key: string, root: JsonSchema): JsonSchema | undefined {
  for (const variant of variantsOf(schema, root)) {
    const own = variant.properties
    if (own && Object.hasOwn(own, key)) return own[key]
  }
  for (const variant of variantsOf(schema, root)) {
    const { additionalProperties: more } = variant
    if (more === true || (variant.type === undefined && !variant.properties && variant.enum === undefined)) return {}
    if (typeof more === 'object') return more
  }
  return undefined
}

/** The keys that an object is known to have. */
export function knownKeys(schema: JsonSchema, root: JsonSchema): string[] {
  return [...new Set(variantsOf(schema, root).flatMap((variant) => Object.keys(variant.properties ?? {})))]
}

/** The type for people: `integer`, `"webp" | "avif"`, `string[]`. */
export function typeText(schema: JsonSchema, root: JsonSchema, depth = 0): string {
  const texts = variantsOf(schema, root).map((variant) => {
    if (variant['x-cowait']) return variant['x-cowait']
    if (variant.const !== undefined) return JSON.stringify(variant.const)
    if (variant.enum) return variant.enum.map((value) => JSON.stringify(value)).join(' | ')
    if (variant.type === 'array') return arrayText(variant, root, depth)
    if (typeof variant.type === 'string') return variant.type
    return variant.properties ? 'object' : 'any'
  })
  return [...new Set(texts)].join(' | ')
}

function arrayText({ items }: JsonSchema, root: JsonSchema, depth: number): string {
  if (typeof items !== 'object' || depth > 3) return 'any[]'
  const item = typeText(items, root, depth + 1)
  return item.includes(' | ') ? `(${item})[]` : `${item}[]`
}

function follow(ref: string, root: JsonSchema): JsonSchema | undefined {
  if (ref === '#') return root
  const [, kind, name] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(ref) ?? []
  const key = decodeURIComponent(name ?? '')
    .replaceAll('~1', '/')
    .replaceAll('~0', '~')
  return kind === '$defs' ? root.$defs?.[key] : root.definitions?.[key]
}

function mergeAll(schema: JsonSchema, root: JsonSchema, depth: number): JsonSchema {
  const { allOf = [], ...own } = schema
  const parts = [own, ...allOf.flatMap((one) => variantsOf(one, root, depth + 1).slice(0, 1))]
  return {
    ...Object.assign({}, ...parts.toReversed()),
    properties: Object.assign({}, ...parts.map((part) => part.properties)),
    required: parts.flatMap((part) => part.required ?? []),
  }
}
