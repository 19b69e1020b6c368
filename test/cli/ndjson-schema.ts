import { z } from 'zod'
import type { NdjsonLine } from '../../src/cli/views/ndjson.ts'

const text = z.string()
const count = z.int().nonnegative()
const attempt = z.int().positive().describe('counts from 1')
const status = z.enum(['done', 'failed', 'cancelled'])

const preview = z
  .union([
    z.strictObject({ format: z.enum(['json', 'tagged']), text: text.describe('plain JSON, or tagged JSON as docs/values.md has it') }),
    z.strictObject({ bytes: count.describe('the size of a value that is too large to be shown') }),
  ])
  .meta({ id: 'Preview' })

const exit = z.strictObject({
  how: z.enum(['exited', 'killed', 'out-of-memory', 'removed', 'lost']),
  code: z.int().optional(),
  signal: text.optional(),
  detail: text.optional(),
})

const error = z
  .strictObject({
    code: z.enum([
      'TASK_FAILED',
      'TASK_CANCELLED',
      'TASK_TIMEOUT',
      'TASK_LOST',
      'TASK_NOT_LOADED',
      'INVALID_INPUT',
      'INVALID_OUTPUT',
      'RPC_CLOSED',
      'NO_HANDLER',
      'NOT_SERIALIZABLE',
      'PAYLOAD_TOO_LARGE',
      'LIMIT_EXCEEDED',
      'ENGINE',
      'PROTOCOL',
      'USAGE',
    ]),
    name: text,
    message: text,
    stack: text.optional(),
    path: z.array(z.strictObject({ id: text, task: text, at: text.optional() })).optional(),
    exit: exit.optional(),
    causes: z.array(z.object({ name: text, message: text, stack: text.optional() })).optional(),
    lastLines: z.array(text).optional(),
  })
  .meta({ id: 'Error' })

const phase = z.strictObject({
  phase: z.enum(['preparing', 'pulling', 'creating', 'waiting', 'booting']),
  detail: text.optional(),
  fraction: z.number().optional(),
})

const base = {
  run: text.describe('the id of the run that it is about'),
  seq: count.describe('counts the events of one run from 0 without gaps'),
  at: z.number().describe('milliseconds since 1970'),
}

/** What `--ndjson` prints. Strict here, so that a field that nobody described is found. */
export const ndjsonLine = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('created'),
      ...base,
      parent: text.nullable(),
      name: text,
      task: z.strictObject({ module: text, export: text, ordinal: count.optional() }),
      engine: text,
      key: text,
      tags: z.record(text, text).optional(),
      input: preview.optional(),
    }),
    z.strictObject({ type: z.literal('waiting'), ...base, attempt, reason: text }),
    z.strictObject({ type: z.literal('starting'), ...base, attempt, worker: text, phase: phase.optional() }),
    z.strictObject({ type: z.literal('running'), ...base, attempt }),
    z.strictObject({
      type: z.literal('log'),
      ...base,
      attempt,
      level: z.enum(['debug', 'info', 'warn', 'error']),
      stream: z.enum(['stdout', 'stderr', 'log']),
      text,
      fields: z.record(text, z.unknown()).optional(),
      more: z.boolean().optional().describe('the line goes on in the next log event of this stream'),
    }),
    z.strictObject({ type: z.literal('dropped'), ...base, lines: count.describe('log lines that the reader was too slow for') }),
    z.strictObject({ type: z.literal('progress'), ...base, value: z.number(), total: z.number().optional(), message: text.optional() }),
    z.strictObject({ type: z.literal('retrying'), ...base, attempt, error, delayMs: z.number() }),
    z.strictObject({ type: z.literal('cancelling'), ...base, reason: text, graceMs: z.number() }),
    z.strictObject({ type: z.literal('notice'), ...base, text }),
    z.strictObject({ type: z.literal('settled'), ...base, status, attempt: count, output: preview.optional(), error: error.optional() }),
    z.strictObject({ type: z.literal('removed'), ...base }),
    z.strictObject({ type: z.literal('item'), run: base.run, item: z.unknown().describe('what the root run yielded, as plain JSON') }),
    z.strictObject({
      type: z.literal('result'),
      run: text.nullable().describe('the root run'),
      status,
      output: z.unknown().optional().describe('plain JSON; absent for undefined'),
      error: error.optional(),
      exitCode: z.int(),
      durationMs: z.number(),
      left: z.array(text).describe('workers that could not be made gone'),
      kept: z.array(text).describe('runs whose workers were kept on purpose'),
    }),
  ])
  .meta({
    title: 'A line of cowait run --ndjson',
    description: 'One event a line, and the result as the last one. Later versions may add fields and types: ignore what you do not know.',
  })

type Described = z.input<typeof ndjsonLine>
type KeysOf<Union, Type> = Union extends { readonly type: Type } ? keyof Union : never
type Undescribed = { [Type in NdjsonLine['type']]: Exclude<KeysOf<NdjsonLine, Type>, KeysOf<Described, Type>> }[NdjsonLine['type']]

/** Does not compile when an event has a type, a field or a value that the schema does not describe. */
export const describesAll: [Undescribed, NdjsonLine['type']] extends [never, Described['type']] ? true : never = true

/** The file that is published: open for what later versions add. */
export function publishedSchema(): string {
  const schema = z.toJSONSchema(ndjsonLine, {
    override: ({ jsonSchema }) => {
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
    },
  })
  return `${JSON.stringify(schema, null, 2)}\n`
}
