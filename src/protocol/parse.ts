/** From what came over the wire to the union of messages. Unknown types and fields are ignored, wrong ones are refused by name. */
import { ProtocolError } from '../core/errors.ts'
import { isRunId } from '../core/ids.ts'
import type { RunOptions } from '../core/options.ts'
import { parseRunOptions } from '../core/resolve-options.ts'
import {
  atLeastOne,
  boolean,
  count,
  FieldFault,
  id,
  label,
  list,
  nullable,
  number,
  object,
  oneOf,
  optional,
  positive,
  recordOf,
  refuse,
  text,
  upTo,
  type Check,
} from './checks.ts'
import type { RawMessage } from './frames.ts'
import type { Both, Down, LineFrame, RunListing, Up } from './messages.ts'
import { sizeProblem } from './options-size.ts'
import { parseEvent } from './parse-event.ts'
import { cancelReason, errorSummary, outcome, status, taskRef, valueHeader } from './parse-shared.ts'

type Shapes<M extends { readonly type: string }> = { readonly [T in M['type']]: Check<Extract<M, { readonly type: T }>> }
type Message<M extends { readonly type: string }, T extends M['type']> = Extract<M, { readonly type: T }>

const runOptions: Check<RunOptions> = (value, field) => {
  try {
    const options = parseRunOptions(value)
    const problem = sizeProblem(options)
    if (problem === undefined) return options
    throw new FieldFault(`has "${field}" of ${problem}`)
  } catch (cause) {
    if (cause instanceof FieldFault) throw cause
    throw new FieldFault(`has wrong "${field}": ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

/** The id of a new run names containers and files, so its form is checked. */
const newRun: Check<string> = (value, field) => {
  if (isRunId(value)) return value
  return refuse(field, 'a DNS label that begins with a letter, of at most 63 characters,', value)
}

/** A caller with more methods than this would fill a frame with their names. */
const MAX_METHODS = 1_000
const listOfLabels = list(label)

const methodNames: Check<readonly string[]> = (value, field) => {
  const names = listOfLabels(value, field)
  return names.length <= MAX_METHODS ? names : refuse(field, `a list of at most ${MAX_METHODS} names`, names)
}

const both: Shapes<Both> = {
  chunk: object<Message<Both, 'chunk'>>({ type: oneOf('chunk'), run: id, stream: count, end: boolean, error: optional(upTo(4096)) }),
  credit: object<Message<Both, 'credit'>>({ type: oneOf('credit'), run: id, stream: count, bytes: count }),
  stop: object<Message<Both, 'stop'>>({ type: oneOf('stop'), run: id, stream: count }),
}

const line: Shapes<LineFrame> = {
  rpc: object<Message<LineFrame, 'rpc'>>({
    type: oneOf('rpc'),
    run: id,
    child: optional(id),
    call: count,
    method: label,
    value: valueHeader,
  }),
  'rpc-stream': object<Message<LineFrame, 'rpc-stream'>>({ type: oneOf('rpc-stream'), run: id, child: optional(id), call: count }),
  'rpc-result': object<Message<LineFrame, 'rpc-result'>>({
    type: oneOf('rpc-result'),
    run: id,
    child: optional(id),
    call: count,
    status: oneOf('done', 'failed'),
    error: optional(errorSummary),
    value: optional(valueHeader),
  }),
  items: object<Message<LineFrame, 'items'>>({
    type: oneOf('items'),
    run: id,
    child: optional(id),
    call: count,
    count: atLeastOne,
    value: valueHeader,
  }),
  want: object<Message<LineFrame, 'want'>>({ type: oneOf('want'), run: id, child: optional(id), call: count, items: count }),
  leave: object<Message<LineFrame, 'leave'>>({ type: oneOf('leave'), run: id, child: optional(id), call: count }),
}

const up: Shapes<Exclude<Up, LineFrame>> = {
  hello: object<Message<Up, 'hello'>>({
    type: oneOf('hello'),
    protocol: count,
    role: oneOf('worker', 'client'),
    runtime: object<Message<Up, 'hello'>['runtime']>({ name: label, version: label }),
  }),
  running: object<Message<Up, 'running'>>({ type: oneOf('running'), run: id }),
  call: object<Message<Up, 'call'>>({
    type: oneOf('call'),
    run: id,
    child: newRun,
    task: taskRef,
    options: runOptions,
    shield: optional(boolean),
    handlers: optional(methodNames),
    external: optional(boolean),
    input: valueHeader,
  }),
  cancel: object<Message<Up, 'cancel'>>({ type: oneOf('cancel'), run: id, child: id, reason: cancelReason, kill: optional(boolean) }),
  retry: object<Message<Up, 'retry'>>({ type: oneOf('retry'), run: id, child: id, attempt: count, again: boolean }),
  watch: object<Message<Up, 'watch'>>({ type: oneOf('watch'), run: id, child: id, tree: optional(boolean) }),
  progress: object<Message<Up, 'progress'>>({
    type: oneOf('progress'),
    run: id,
    value: number,
    total: optional(number),
    message: optional(upTo(4096)),
  }),
  done: object<Message<Up, 'done'>>({ type: oneOf('done'), run: id, value: valueHeader }),
  fail: object<Message<Up, 'fail'>>({ type: oneOf('fail'), run: id, error: errorSummary, retryable: boolean, value: valueHeader }),
  acquire: object<Message<Up, 'acquire'>>({
    type: oneOf('acquire'),
    run: id,
    request: count,
    name: label,
    concurrency: optional(positive),
    perSecond: optional(positive),
  }),
  release: object<Message<Up, 'release'>>({ type: oneOf('release'), run: id, request: count }),
  pong: object<Message<Up, 'pong'>>({ type: oneOf('pong') }),
  follow: object<Message<Up, 'follow'>>({ type: oneOf('follow'), run: optional(id) }),
  list: object<Message<Up, 'list'>>({ type: oneOf('list'), request: count }),
  end: object<Message<Up, 'end'>>({ type: oneOf('end'), reason: cancelReason }),
}

const listing: Check<RunListing> = object<RunListing>({
  id,
  parent: nullable(id),
  name: text,
  task: taskRef,
  status,
  engine: text,
  attempt: count,
  createdAt: number,
  startedAt: optional(number),
})

const down: Shapes<Exclude<Down, { readonly type: 'event' } | LineFrame>> = {
  welcome: object<Message<Down, 'welcome'>>({ type: oneOf('welcome'), protocol: count, worker: id, leaseMs: count }),
  run: object<Message<Down, 'run'>>({
    type: oneOf('run'),
    run: id,
    key: text,
    attempt: count,
    task: taskRef,
    name: text,
    code: object<Message<Down, 'run'>['code']>({ path: text, cwd: text, hash: text }),
    env: recordOf(text),
    flush: text,
    handlers: optional(methodNames),
    decides: optional(boolean),
    orphans: optional(oneOf('cancel', 'wait', 'fail')),
    input: valueHeader,
  }),
  cancel: object<Message<Down, 'cancel'>>({ type: oneOf('cancel'), run: id, reason: cancelReason, graceMs: number }),
  status: object<Message<Down, 'status'>>({ type: oneOf('status'), run: id, child: id, status, attempt: count }),
  settled: object<Message<Down, 'settled'>>({
    type: oneOf('settled'),
    run: id,
    child: id,
    status: outcome,
    attempt: count,
    error: optional(errorSummary),
    value: optional(valueHeader),
  }),
  'may-retry': object<Message<Down, 'may-retry'>>({
    type: oneOf('may-retry'),
    run: id,
    child: id,
    attempt: count,
    error: errorSummary,
    value: optional(valueHeader),
  }),
  watched: object<Message<Down, 'watched'>>({ type: oneOf('watched'), run: id, child: id }),
  accepted: object<Message<Down, 'accepted'>>({ type: oneOf('accepted'), run: id }),
  granted: object<Message<Down, 'granted'>>({ type: oneOf('granted'), run: id, request: count }),
  ping: object<Message<Down, 'ping'>>({ type: oneOf('ping') }),
  runs: object<Message<Down, 'runs'>>({ type: oneOf('runs'), request: count, runs: list(listing), more: optional(boolean) }),
  refused: object<Message<Down, 'refused'>>({
    type: oneOf('refused'),
    request: optional(count),
    code: oneOf('PROTOCOL', 'USAGE'),
    message: text,
  }),
}

const event: Check<Message<Down, 'event'> | undefined> = (value) => {
  const { event: told, child } = value as RawMessage & { readonly event?: unknown; readonly child?: unknown }
  const parsed = parseEvent(told, 'event')
  return parsed && { type: 'event', event: parsed, ...(child === undefined ? {} : { child: id(child, 'child') }) }
}

const allUp: Readonly<Record<string, Check<Up | Both | undefined>>> = { ...both, ...line, ...up }
const allDown: Readonly<Record<string, Check<Down | Both | undefined>>> = { ...both, ...line, ...down, event }

/** A message from a worker or a client. Undefined: its type is unknown and it is to be ignored. Throws a `ProtocolError`. */
export function parseUp(raw: RawMessage): Up | Both | undefined {
  return parse(raw, allUp)
}

/** A message from the supervisor. Undefined: its type is unknown and it is to be ignored. Throws a `ProtocolError`. */
export function parseDown(raw: RawMessage): Down | Both | undefined {
  return parse(raw, allDown)
}

function parse<M>(raw: RawMessage, shapes: Readonly<Record<string, Check<M | undefined>>>): M | undefined {
  const check = Object.hasOwn(shapes, raw.type) ? shapes[raw.type] : undefined
  try {
    return check?.(raw, '')
  } catch (cause) {
    if (cause instanceof FieldFault)
      throw new ProtocolError(`Message "${raw.type}" ${cause.message}.`, cause.cause === undefined ? {} : { cause: cause.cause })
    throw cause
  }
}
