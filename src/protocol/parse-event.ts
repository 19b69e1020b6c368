import type { StartPhase } from '../core/engine.ts'
import type { EventType, RunEvent } from '../core/events.ts'
import {
  boolean,
  count,
  data,
  FieldFault,
  id,
  nullable,
  number,
  object,
  oneOf,
  optional,
  recordOf,
  text,
  type Check,
  type Shape,
} from './checks.ts'
import { errorSummary, logLevel, logStream, outcome, preview, taskRef } from './parse-shared.ts'

type EventShapes = { readonly [T in EventType]: Check<Extract<RunEvent, { type: T }>> }

const startPhase = object<StartPhase>({
  phase: oneOf('preparing', 'pulling', 'creating', 'waiting', 'booting'),
  detail: optional(text),
  fraction: optional(number),
})

const base = { run: id, seq: count, at: number }

function shape<T extends EventType>(
  type: T,
  fields: Omit<Shape<Extract<RunEvent, { type: T }>>, 'type' | 'run' | 'seq' | 'at'>,
): Check<Extract<RunEvent, { type: T }>> {
  return object({ type: oneOf(type), ...base, ...fields } as unknown as Shape<Extract<RunEvent, { type: T }>>)
}

const shapes: EventShapes = {
  created: shape('created', {
    parent: nullable(id),
    name: text,
    task: taskRef,
    engine: text,
    key: text,
    tags: optional(recordOf(text)),
    input: optional(preview),
  }),
  waiting: shape('waiting', { attempt: count, reason: text }),
  starting: shape('starting', { attempt: count, worker: id, phase: optional(startPhase) }),
  running: shape('running', { attempt: count }),
  log: shape('log', { attempt: count, level: logLevel, stream: logStream, text, fields: optional(data), more: optional(boolean) }),
  dropped: shape('dropped', { lines: count }),
  progress: shape('progress', { value: number, total: optional(number), message: optional(text) }),
  retrying: shape('retrying', { attempt: count, error: errorSummary, delayMs: number }),
  cancelling: shape('cancelling', { reason: text, graceMs: number }),
  notice: shape('notice', { text }),
  settled: shape('settled', { status: outcome, attempt: count, output: optional(preview), error: optional(errorSummary) }),
  removed: shape('removed', {}),
}

/** Undefined: an event of a type that this version does not know. */
export function parseEvent(value: unknown, field: string): RunEvent | undefined {
  const type = typeof value === 'object' && value !== null ? (value as { type?: unknown }).type : undefined
  if (typeof type !== 'string') throw new FieldFault(`has "${field}" without a type`)
  return Object.hasOwn(shapes, type) ? shapes[type as EventType](value, field) : undefined
}
