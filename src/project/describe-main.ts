/** The program that `describe.ts` starts: imports one module and tells on descriptor 3 which tasks it exports, or why it cannot. */
import { writeSync } from 'node:fs'
import type { TaskDefinition } from '../core/definition.ts'
import { leftOutNote } from '../core/left-out-note.ts'
import { resolveOptions } from '../core/resolve-options.ts'
import type { StandardSchemaV1 } from '../core/standard-schema.ts'
import type { DescribeAnswer, TaskDescription } from './describe.ts'
import type { JsonSchema } from './json-schema.ts'
import { watchVariables } from './watch-variables.ts'

process.setSourceMapsEnabled(true)
// As in a worker: a module that calls tasks while it loads is told so, and nothing starts.
Object.defineProperty(globalThis, Symbol.for('cowait.worker'), { value: true })

process.on('uncaughtException', (error) => {
  answer({ error: errorData(error) })
})
process.on('unhandledRejection', (error) => {
  answer({ error: errorData(error) })
})

const [, , url = ''] = process.argv
const reads = watchVariables()
try {
  const namespace = (await import(url)) as Record<string, unknown>
  // What CommonJS made up while it ran is not among the names.
  const inner = namespace['default']
  const all = typeof inner === 'object' && inner !== null ? { ...inner, ...namespace } : { ...namespace }
  answer({ tasks: Object.entries(all).flatMap(([name, value]) => describeTask(name, value) ?? []), reads: reads() })
} catch (error) {
  answer({ error: errorData(error) })
}

function describeTask(exportName: string, value: unknown): TaskDescription | undefined {
  const definition = typeof value === 'function' ? (value as { '~task'?: TaskDefinition })['~task'] : undefined
  if (!definition) return undefined
  const { place, description, input, output } = definition
  const inputSchema = input && schemaOf(input, 'input')
  const outputSchema = output && schemaOf(output, 'output')
  return {
    export: exportName,
    ordinal: place.ordinal,
    name: definition.options.name ?? exportName,
    options: resolveOptions(definition.options, exportName),
    ...(description !== undefined && { description }),
    ...(inputSchema && { input: inputSchema }),
    ...(outputSchema && { output: outputSchema }),
  }
}

type Converter = (options: { target: string; libraryOptions: Record<string, unknown> }) => JsonSchema

/** Undefined for a validator that does not speak Standard JSON Schema, or cannot say this schema in it. */
function schemaOf(schema: StandardSchemaV1, direction: 'input' | 'output'): JsonSchema | undefined {
  const converters = (schema['~standard'] as { jsonSchema?: Record<'input' | 'output', Converter> }).jsonSchema
  try {
    const found = converters?.[direction]({ target: 'draft-2020-12', libraryOptions: { unrepresentable: 'any', override } })
    return found && (JSON.parse(JSON.stringify(found)) as JsonSchema)
  } catch {
    return undefined
  }
}

/** zod asks this for each part of a schema: JSON has no dates and no large integers, and says nothing of them by itself. */
function override({
  zodSchema,
  jsonSchema,
}: {
  zodSchema?: { _zod?: { def?: { type?: string } } }
  jsonSchema: Record<string, unknown>
}): void {
  const type = zodSchema?._zod?.def?.type
  if (type === 'date') Object.assign(jsonSchema, { type: 'string', format: 'date-time', 'x-cowait': 'date' })
  if (type === 'bigint') Object.assign(jsonSchema, { type: 'integer', 'x-cowait': 'bigint' })
}

function errorData(error: unknown): { name: string; message: string; stack?: string } {
  if (!(error instanceof Error)) return { name: 'Error', message: `${String(error)} was thrown, which is no Error` }
  const note = leftOutNote(error)
  const message = note === undefined ? error.message : `${error.message}\n${note}`
  return { name: error.name, message, ...(error.stack !== undefined && { stack: error.stack }) }
}

/** Says it once, and ends: timers and servers of the module do not count. */
function answer(message: DescribeAnswer): never {
  const bytes = Buffer.from(JSON.stringify(message))
  for (let sent = 0; sent < bytes.length;) {
    try {
      sent += writeSync(3, bytes, sent)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
  // oxlint-disable-next-line unicorn/no-process-exit -- the program of a process of its own
  process.exit(0)
}
