import { homedir } from 'node:os'
import { isAbsolute, resolve } from 'node:path'
import { UsageError } from '../core/errors.ts'
import type { TaskOptions, Volume } from '../core/options.ts'
import { readVariables } from '../project/read-variables.ts'
import type { RunFlags } from './run-flags.ts'

/** The run's options as the command line gives them; units and ranges are checked where all options are. */
export function flagOptions(flags: RunFlags, cwd: string, env: NodeJS.ProcessEnv): TaskOptions {
  const variables = { ...readVariables(flags.envFile ?? [], cwd, '--env-file'), ...namedVariables(flags.env ?? [], env) }
  return {
    ...(flags.engine !== undefined && { engine: flags.engine }),
    ...(flags.image !== undefined && { image: flags.image }),
    ...(flags.cpu !== undefined && { cpu: numberOr(flags.cpu) as NonNullable<TaskOptions['cpu']> }),
    ...(flags.memory !== undefined && { memory: numberOr(flags.memory) as NonNullable<TaskOptions['memory']> }),
    ...(flags.timeout !== undefined && { timeout: numberOr(flags.timeout) as NonNullable<TaskOptions['timeout']> }),
    ...(flags.grace !== undefined && { grace: numberOr(flags.grace) as NonNullable<TaskOptions['grace']> }),
    ...(flags.retry !== undefined && { retry: wholeNumber('--retry', flags.retry, 0) }),
    ...(flags.volume && flags.volume.length > 0 && { volumes: Object.fromEntries(flags.volume.map((text) => volume(text, cwd))) }),
    ...(flags.port && flags.port.length > 0 && { ports: Object.fromEntries(flags.port.map(port)) }),
    ...(Object.keys(variables).length > 0 && { env: variables }),
  }
}

/** A whole number that is not below `least`. */
export function wholeNumber(flag: string, text: string, least: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new UsageError(`${flag} ${text}: expected a whole number of ${least} or more`)
}

function namedVariables(given: readonly string[], env: NodeJS.ProcessEnv): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const text of given) {
    const [, name = '', value = env[name]] = /^([^=]*)(?:=(.*))?$/s.exec(text) ?? []
    if (name === '') throw new UsageError(`-e ${text}: a name is missing; write -e NAME=value`)
    if (value === undefined) throw new UsageError(`-e ${name}: there is no variable ${name} here to pass on; write -e ${name}=value`)
    variables[name] = value
  }
  return variables
}

function volume(text: string, cwd: string): [string, Volume] {
  const parts = text.split(':')
  const mode = parts.length > 2 ? parts.pop() : undefined
  const [source = '', path = '', ...rest] = parts
  if (source === '' || !isAbsolute(path) || rest.length > 0 || (mode !== undefined && mode !== 'ro' && mode !== 'rw')) {
    throw new UsageError(`-v ${text}: expected source:/path/inside or source:/path/inside:ro`)
  }
  const readOnly = mode === 'ro'
  if (!/^[./~]/.test(source)) return [path, { volume: source, readOnly }]
  // A shell leaves the ~ of --volume=~/data alone.
  const folder = source.replace(/^~(?=\/|$)/, () => homedir())
  return [path, { bind: resolve(cwd, folder), readOnly }]
}

function port(text: string): [number, number] {
  const [, host = '', inside = ''] = /^(?:(\d+):)?(\d+)$/.exec(text) ?? []
  const numbers = [inside, host || inside].map(Number)
  const [worker = 0, outside = 0] = numbers
  if (inside === '' || numbers.some((number) => number > 65_535))
    throw new UsageError(`-p ${text}: expected port or host:port, such as 8080:80`)
  return [worker, outside]
}

export function numberOr(text: string): number | string {
  return /^\d*\.?\d+$/.test(text) ? Number(text) : text
}
