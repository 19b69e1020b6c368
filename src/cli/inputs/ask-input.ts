import { UsageError } from '../../core/errors.ts'
import type { Io } from '../io.ts'
import { coerceText, type Coerced } from './coerce.ts'
import type { JsonSchema } from '../../project/json-schema.ts'
import { propertyOf, typeText, variantsOf } from './schema-types.ts'

/** Asks for required inputs that are missing, one by one; where nobody can answer, says which they are. */
export async function askInput(keys: readonly string[], schema: JsonSchema, io: Io, task: string): Promise<Record<string, unknown>> {
  const canAsk = io.stdin.isTTY && io.stderr.isTerminal && !io.env['CI']
  if (!canAsk)
    throw new UsageError(
      `${task} needs ${keys.map((key) => `-i ${key}=<${typeText(propertyOf(schema, key, schema) ?? {}, schema)}>`).join(' ')}`,
    )
  const prompts = await import('@clack/prompts')
  const answers: Record<string, unknown> = {}
  for (const key of keys) {
    const answer = await askOne(prompts, key, propertyOf(schema, key, schema) ?? {}, schema)
    if (prompts.isCancel(answer)) io.stop.request('SIGINT')
    answers[key] = answer
  }
  return answers
}

type Prompts = typeof import('@clack/prompts')

async function askOne(prompts: Prompts, key: string, schema: JsonSchema, root: JsonSchema): Promise<unknown> {
  const output = process.stderr
  const message = schema.description ? `${key}: ${schema.description}` : key
  const [variant = {}, ...more] = variantsOf(schema, root)
  if (more.length === 0 && variant.enum)
    return await prompts.select({ message, output, options: variant.enum.map((value) => ({ value, label: String(value) })) })
  if (more.length === 0 && variant.type === 'boolean') return await prompts.confirm({ message, output })
  const text = await prompts.text({
    message,
    output,
    placeholder: variant.type === 'array' && more.length === 0 ? `${typeText(itemsOf(variant), root)}, ...` : typeText(schema, root),
    validate: (typed) => {
      const coerced = coerceAnswer(typed ?? '', schema, root)
      return coerced.ok ? undefined : coerced.problem
    },
  })
  if (prompts.isCancel(text)) return text
  const coerced = coerceAnswer(text, schema, root)
  return coerced.ok ? coerced.value : text
}

/** What somebody typed: for a list its items with commas between them, or JSON. */
export function coerceAnswer(text: string, schema: JsonSchema, root: JsonSchema): Coerced {
  const [variant = {}, ...more] = variantsOf(schema, root)
  if (more.length > 0 || variant.type !== 'array' || text.trimStart().startsWith('[')) return coerceText(text, schema, root)
  const parts = text.split(',').map((part) => part.trim())
  const items = parts.filter((part) => part !== '').map((part) => coerceText(part, itemsOf(variant), root))
  return items.find(({ ok }) => !ok) ?? { ok: true, value: items.map((item) => (item.ok ? item.value : undefined)) }
}

function itemsOf({ items }: JsonSchema): JsonSchema {
  return typeof items === 'object' ? items : {}
}
