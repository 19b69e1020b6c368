import { parseBytes } from './bytes.ts'
import { parseDuration } from './duration.ts'
import { UsageError } from './errors.ts'
import { nearest } from './nearest.ts'
import * as check from './option-checks.ts'
import type { RunOptions, RunRetry, RunVolume, TaskOptions } from './options.ts'
import { show } from './show.ts'

export { inherited, mergeOptions, mergeRunOptions } from './merge-options.ts'
export { parseRunOptions } from './parse-run-options.ts'

type Resolve = (value: unknown, label: string) => RunOptions

/** What each option becomes on the wire. Its keys are all the options that there are. */
const options: Readonly<Record<keyof TaskOptions, Resolve>> = {
  name: (value, label) => ({ name: checked<string>(value, label, check.textProblem(value)) }),
  image: (value, label) => ({ image: checked<string>(value, label, check.imageProblem(value)) }),
  engine: (value, label) => ({ engine: checked<string>(value, label, check.textProblem(value)) }),
  gpu: (value, label) => ({ gpu: resolveGpu(value, label) }),
  cpu: (value, label) => ({ cpuMillis: resolveCpu(value, label) }),
  memory: resolveMemory,
  env: (value, label) => ({ env: resolveEnv(value, label) }),
  volumes: (value, label) => ({ volumes: resolveVolumes(value, label) }),
  ports: (value, label) => ({ ports: resolvePorts(value, label) }),
  tags: (value, label) => ({ tags: resolveTags(value, label) }),
  timeout: (value, label) => ({ timeoutMs: resolveLimit(value, label) }),
  startTimeout: (value, label) => ({ startTimeoutMs: resolveLimit(value, label) }),
  grace: (value, label) => ({ graceMs: parseDuration(value, label) }),
  retry: (value, label) => ({ retry: resolveRetry(value, label) }),
  orphans: (value, label) => ({ orphans: checked(value, label, check.choiceProblem(value, check.orphanChoices)) }),
}

/** The names of all options. */
export const OPTION_NAMES = Object.keys(options) as readonly (keyof TaskOptions)[]

/**
 * Options in plain units, as they travel. An option that is undefined counts as left out.
 * Throws a `UsageError` that begins with `label` and names the option, its value and what to write instead.
 */
export function resolveOptions(written: TaskOptions, label = 'options'): RunOptions {
  if (!check.isRecord(written)) throw new UsageError(`${label}: options are an object, not ${show(written)}`)
  const resolved: RunOptions = {}
  for (const [name, value] of Object.entries(written)) {
    if (!Object.hasOwn(options, name)) throw unknownName(name, OPTION_NAMES, label)
    if (value !== undefined) Object.assign(resolved, options[name as keyof TaskOptions](value, `${label}: ${name}`))
  }
  return resolved
}

function unknownName(name: string, known: readonly string[], label: string): UsageError {
  const meant = nearest(name, known)
  return new UsageError(
    `${label}: there is no option ${show(name)}; ${meant ? `did you mean ${show(meant)}?` : `there are ${known.join(', ')}`}`,
  )
}

function checked<T>(value: unknown, label: string, problem: check.Problem): T {
  if (problem !== undefined) throw new UsageError(`${label}: ${show(value)} ${problem}`)
  return value as T
}

/** A record whose keys all are known. */
function knownFields(value: Record<string, unknown>, known: readonly string[], label: string): Record<string, unknown> {
  for (const name of Object.keys(value)) if (!known.includes(name)) throw unknownName(name, known, label)
  return value
}

function entriesOf(value: unknown, label: string, example: string): [string, unknown][] {
  if (!check.isRecord(value)) throw new UsageError(`${label}: ${show(value)} is not an object: write ${example}`)
  return Object.entries(value).filter(([, item]) => item !== undefined)
}

function resolveGpu(value: unknown, label: string): { count: number; kind?: string } {
  if (!check.isRecord(value)) return { count: checked(value, label, check.countProblem(value, 1)) }
  const { count, kind } = knownFields(value, ['count', 'kind'], label)
  const resolved = { count: checked<number>(count, `${label}.count`, check.countProblem(count, 1)) }
  return kind === undefined ? resolved : { ...resolved, kind: checked(kind, `${label}.kind`, check.textProblem(kind)) }
}

function resolveCpu(value: unknown, label: string): number {
  const [, thousandths] = (typeof value === 'string' && /^(\d+)m$/.exec(value)) || []
  const millis = thousandths === undefined ? (typeof value === 'number' ? Math.round(value * 1_000) : Number.NaN) : Number(thousandths)
  return Number.isSafeInteger(millis) && millis > 0 ? millis : checked(value, label, 'is not an amount of cores: write 2, 0.5 or "500m"')
}

function resolveMemory(value: unknown, label: string): RunOptions {
  if (!check.isRecord(value)) {
    const bytes = resolveBytes(value, label)
    return { memoryRequest: bytes, memoryLimit: bytes }
  }
  const { request, limit } = knownFields(value, ['request', 'limit'], label)
  const memoryRequest = resolveBytes(request, `${label}.request`)
  const memoryLimit = resolveBytes(limit, `${label}.limit`)
  return memoryRequest <= memoryLimit ? { memoryRequest, memoryLimit } : checked(value, label, 'requests more than its limit')
}

function resolveBytes(value: unknown, label: string): number {
  const bytes = parseBytes(value, label)
  return bytes > 0 ? bytes : checked(value, label, 'is no memory at all')
}

function resolveEnv(value: unknown, label: string): Record<string, string> {
  const entries = entriesOf(value, label, '{ NAME: "value" }')
  for (const [name, item] of entries) {
    checked(name, label, check.envNameProblem(name))
    checked(item, `${label}.${name}`, check.envValueProblem(name, item))
  }
  return Object.fromEntries(entries) as Record<string, string>
}

function resolveTags(value: unknown, label: string): Record<string, string> {
  const entries = entriesOf(value, label, '{ team: "search" }')
  for (const [key, item] of entries) checked(item, `${label}.${key}`, check.tagProblem(key, item))
  return Object.fromEntries(entries) as Record<string, string>
}

function resolveVolumes(value: unknown, label: string): Record<string, RunVolume> {
  const entries = entriesOf(value, label, '{ "/data": { bind: "/home/me/data" } }')
  return Object.fromEntries(
    entries.map(([path, volume]) => [
      checked<string>(path, label, check.pathProblem(path)),
      resolveVolume(volume, `${label}[${show(path)}]`),
    ]),
  )
}

function resolveVolume(value: unknown, label: string): RunVolume {
  const example = 'is not a volume: write one of { bind: "/folder" }, { volume: "name" } or { tmpfs: "64m" }'
  if (!check.isRecord(value)) return checked(value, label, example)
  const { bind, volume, tmpfs, readOnly = false } = knownFields(value, ['bind', 'volume', 'tmpfs', 'readOnly'], label)
  if ([bind, volume, tmpfs].filter((kind) => kind !== undefined).length !== 1) return checked(value, label, example)
  if (typeof readOnly !== 'boolean') return checked(readOnly, `${label}.readOnly`, 'is neither true nor false')
  if (tmpfs !== undefined) {
    return value['readOnly'] === undefined
      ? { tmpfsBytes: resolveBytes(tmpfs, `${label}.tmpfs`) }
      : checked(value, label, 'is memory, which cannot be read-only')
  }
  if (bind !== undefined) return { bind: checked(bind, `${label}.bind`, check.pathProblem(bind)), readOnly }
  return { volume: checked(volume, `${label}.volume`, check.volumeNameProblem(volume)), readOnly }
}

/** A port alone is the same inside and outside; outside 0 takes any free one. */
function resolvePorts(value: unknown, label: string): Record<number, number> {
  const pairs = Array.isArray(value)
    ? (value as unknown[]).map((port) => [port, port] as const)
    : entriesOf(value, label, '[8080] or { 8080: 80 }')
  return Object.fromEntries(
    pairs.map(([inside, outside]) => {
      checked(inside, label, typeof inside === 'string' ? check.portKeyProblem(inside) : check.portProblem(inside, 1))
      return [inside as string | number, checked<number>(outside, `${label}[${String(inside)}]`, check.portProblem(outside, 0))]
    }),
  )
}

function resolveLimit(value: unknown, label: string): number {
  const ms = parseDuration(value, label)
  return ms > 0 ? ms : checked(value, label, 'leaves no time at all: leave it out for no limit')
}

const MAX_ATTEMPTS = 10_000
const backoffFields = ['attempts', 'delay', 'factor', 'maxDelay', 'when']

function resolveRetry(value: unknown, label: string): RunRetry {
  if (!check.isRecord(value)) {
    const retries = checked<number>(value, label, check.countProblem(value, 0))
    return { attempts: attemptsOf(retries + 1, label), delayMs: 1_000, factor: 2, maxDelayMs: 60_000 }
  }
  const { attempts, delay = 1_000, factor = 2, maxDelay = 60_000, when } = knownFields(value, backoffFields, label)
  if (when !== undefined && typeof when !== 'function') return checked(when, `${label}.when`, 'is not a function')
  return {
    attempts: attemptsOf(checked(attempts, `${label}.attempts`, check.countProblem(attempts, 1)), `${label}.attempts`),
    delayMs: parseDuration(delay, `${label}.delay`),
    factor: checked(factor, `${label}.factor`, check.amountProblem(factor, 1)),
    maxDelayMs: parseDuration(maxDelay, `${label}.maxDelay`),
    ...(when === undefined ? {} : { ask: true }),
  }
}

function attemptsOf(attempts: number, label: string): number {
  return attempts <= MAX_ATTEMPTS ? attempts : checked(attempts, label, `is more than ${MAX_ATTEMPTS} attempts`)
}
