import { ProtocolError } from './errors.ts'
import * as check from './option-checks.ts'
import type { RunOptions } from './options.ts'
import { show } from './show.ts'

type Parse<T> = (value: unknown, field: string) => T
type Shape<T> = { readonly [K in keyof T]-?: Parse<Exclude<T[K], undefined>> }

const text = via<string>(check.textProblem)
const flag = via<boolean>((value) => (typeof value === 'boolean' ? undefined : 'is neither true nor false'))
const bytes = via<number>((value) => check.countProblem(value, 1))
const limitMs = via<number>((value) => check.timeProblem(value, 1))
const waitMs = via<number>((value) => check.timeProblem(value, 0))
const count = via<number>((value) => check.countProblem(value, 1))
const path = via<string>(check.pathProblem)

const bind = fields({ bind: path, readOnly: flag })
const volume = fields({ volume: via<string>(check.volumeNameProblem), readOnly: flag })
const tmpfs = fields({ tmpfsBytes: bytes })

const shape: Shape<RunOptions> = {
  name: text,
  image: via<string>(check.imageProblem),
  engine: text,
  gpu: fields({ count, kind: text }, ['kind']),
  cpuMillis: count,
  memoryRequest: bytes,
  memoryLimit: bytes,
  env: record((name, value, field) => {
    orFault(name, field, check.envNameProblem(name))
    return orFault<string>(value, `${field}.${name}`, check.envValueProblem(name, value))
  }),
  volumes: record((at, value, field) => {
    orFault(at, field, check.pathProblem(at))
    const kind = check.isRecord(value) && 'bind' in value ? bind : check.isRecord(value) && 'volume' in value ? volume : tmpfs
    return kind(value, `${field}[${show(at)}]`)
  }),
  ports: record((inside, outside, field) => {
    orFault(inside, field, check.portKeyProblem(inside))
    return orFault<number>(outside, `${field}[${inside}]`, check.portProblem(outside, 0))
  }),
  tags: record((key, value, field) => orFault<string>(value, `${field}.${key}`, check.tagProblem(key, value))),
  timeoutMs: limitMs,
  startTimeoutMs: limitMs,
  graceMs: waitMs,
  retry: fields(
    { attempts: count, delayMs: waitMs, factor: via<number>((value) => check.amountProblem(value, 1)), maxDelayMs: waitMs, ask: flag },
    ['ask'],
  ),
  orphans: via<'cancel' | 'wait' | 'fail'>((value) => check.choiceProblem(value, check.orphanChoices)),
}

/**
 * Resolved options that came over the wire. Unknown fields are dropped, so that an older supervisor serves a newer worker.
 * Throws a `ProtocolError` that names the first field that is wrong.
 */
export function parseRunOptions(received: unknown): RunOptions {
  const options = fields(shape, Object.keys(shape))(received, 'options')
  const { memoryRequest, memoryLimit } = options
  if (memoryRequest !== undefined && memoryLimit !== undefined && memoryRequest > memoryLimit) {
    throw new ProtocolError(`options.memoryRequest: ${memoryRequest} is more than the limit of ${memoryLimit}`)
  }
  return options
}

function orFault<T>(value: unknown, field: string, problem: check.Problem): T {
  if (problem !== undefined) throw new ProtocolError(`${field}: ${show(value)} ${problem}`)
  return value as T
}

function via<T>(problemOf: (value: unknown) => check.Problem): Parse<T> {
  return (value, field) => orFault<T>(value, field, problemOf(value))
}

/** An object with these fields. */
function fields<T>(shapeOf: Shape<T>, optional: readonly string[] = []): Parse<T> {
  return (value, field) => {
    if (!check.isRecord(value)) return orFault(value, field, 'is not an object')
    const parsed: Record<string, unknown> = {}
    for (const [name, parse] of Object.entries<Parse<unknown>>(shapeOf)) {
      const item = Object.hasOwn(value, name) ? value[name] : undefined
      if (item !== undefined || !optional.includes(name)) parsed[name] = parse(item, `${field}.${name}`)
    }
    return parsed as T
  }
}

/** An object with any keys. `__proto__` stays an ordinary one. */
function record<T>(parse: (key: string, value: unknown, field: string) => T): Parse<Readonly<Record<string, T>>> {
  return (value, field) => {
    if (!check.isRecord(value)) return orFault(value, field, 'is not an object')
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, parse(key, item, field)]))
  }
}
