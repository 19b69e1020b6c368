import { formatBytes } from '../core/bytes.ts'
import type { TaskDescription } from '../project/describe.ts'
import type { JsonSchema } from '../project/json-schema.ts'
import type { Colours } from './colours.ts'
import { formatTime } from './format.ts'
import { knownKeys, propertyOf, typeText, variantsOf } from './inputs/schema-types.ts'
import { columnsText } from './table.ts'

/** What `cowait run NAME --help` prints: the task's own inputs as options, and what it returns. */
export function taskHelp(name: string, task: TaskDescription, colours: Colours): string {
  const blocks = [
    `${colours.bold(`cowait run ${name}`)}${task.description ? `\n${task.description}` : ''}`,
    inputsBlock(task.input, colours),
  ]
  if (task.output) blocks.push(`${colours.bold('Returns')}\n  ${shapeText(task.output, task.output)}`)
  const options = optionsText(task)
  if (options) blocks.push(`${colours.bold('Its own options')}\n  ${options}`)
  blocks.push(colours.dim('cowait run --help shows the options that all runs take.'))
  return `${blocks.join('\n\n')}\n`
}

/** An object's keys with their types, anything else by its type: `{ files: string[], at: date | null }`. */
export function shapeText(schema: JsonSchema, root: JsonSchema): string {
  const keys = variantsOf(schema, root).length === 1 ? knownKeys(schema, root) : []
  if (keys.length === 0) return typeText(schema, root)
  const required = requiredKeys(schema, root)
  return `{ ${keys.map((key) => `${key}${required.has(key) ? '' : '?'}: ${typeText(propertyOf(schema, key, root) ?? {}, root)}`).join(', ')} }`
}

function inputsBlock(schema: JsonSchema | undefined, colours: Colours): string {
  const title = colours.bold('Inputs')
  if (!schema) return `${title}\n  The task has no schema: -i key=value takes JSON if it parses, else text.`
  const keys = knownKeys(schema, schema)
  if (keys.length === 0) return `${title}\n  none`
  const required = requiredKeys(schema, schema)
  const rows = keys.map((key) => {
    const property = propertyOf(schema, key, schema) ?? {}
    return [`  -i ${key}=<${typeText(property, schema)}>`, noteText(property, schema, required.has(key))]
  })
  return `${title}\n${columnsText(rows).trimEnd()}`
}

function noteText(property: JsonSchema, root: JsonSchema, isRequired: boolean): string {
  const isList = variantsOf(property, root).some((variant) => variant.type === 'array')
  const notes = [
    property.description,
    ...variantsOf(property, root).map(rangeText),
    isRequired && property.default === undefined && 'required',
    isList && 'again for more',
    property.default !== undefined && `default ${JSON.stringify(property.default)}`,
  ]
  return notes.filter(Boolean).join('; ')
}

/** Schemas of integers say the range of those that JavaScript can hold, which nobody needs to be told. */
function rangeText({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  const isTold = (limit: number | undefined): limit is number => limit !== undefined && Math.abs(limit) < Number.MAX_SAFE_INTEGER
  if (isTold(minimum) && isTold(maximum)) return `${minimum} to ${maximum}`
  const parts = [
    isTold(minimum) && `at least ${minimum}`,
    isTold(exclusiveMinimum) && `more than ${exclusiveMinimum}`,
    isTold(maximum) && `at most ${maximum}`,
    isTold(exclusiveMaximum) && `less than ${exclusiveMaximum}`,
  ]
  return parts.filter(Boolean).join(', ')
}

function requiredKeys(schema: JsonSchema, root: JsonSchema): ReadonlySet<string> {
  return new Set(variantsOf(schema, root).flatMap((variant) => variant.required ?? []))
}

function optionsText({ options }: TaskDescription): string {
  const parts = [
    options.engine && `engine ${options.engine}`,
    options.image && `image ${options.image}`,
    options.cpuMillis !== undefined && `cpu ${options.cpuMillis / 1_000}`,
    options.memoryLimit !== undefined && `memory ${formatBytes(options.memoryLimit)}`,
    options.timeoutMs !== undefined && `timeout ${formatTime(options.timeoutMs)}`,
    options.retry && `${options.retry.attempts} attempts`,
  ]
  return parts.filter(Boolean).join(', ')
}
