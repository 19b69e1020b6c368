import { resolve } from 'node:path'
import type { Ceilings } from '../core/ceilings.ts'
import { UsageError } from '../core/errors.ts'
import type { RunOptions, TaskOptions } from '../core/options.ts'
import { OPTION_NAMES, resolveOptions } from '../core/resolve-options.ts'
import type { CowaitConfig, Target } from '../core/config-types.ts'
import { loadConfig } from '../project/load-config.ts'
import { didYouMean } from '../project/nearest.ts'
import { findPlace, findProject, type Project } from '../project/project.ts'
import { readVariables } from './read-variables.ts'
import type { RunFlags } from './run-flags.ts'

/** The project of a task's name or of a folder, with the config that was asked for. */
export async function openProject(start: string, flags: Pick<RunFlags, 'config'>, cwd: string): Promise<Project> {
  if (flags.config === undefined) return await findProject(start)
  const place = await findPlace(start)
  const configFile = resolve(cwd, flags.config)
  return { ...place, configFile, config: await loadConfig(place, configFile) }
}

/** Where a task's name starts to be looked for: the file that it may name, else the working directory. */
export function startOf(name: string, cwd: string): string {
  const colon = name.lastIndexOf(':')
  return resolve(cwd, colon > 0 ? name.slice(0, colon) : name)
}

/** What the config says about where runs go, with the chosen cluster laid over it. */
export interface ChosenTarget {
  readonly engine: string | undefined
  /** Options below every definition. */
  readonly defaults: RunOptions
  /** What only the engine understands. */
  readonly settings: Record<string, unknown>
  readonly concurrency: number | undefined
  readonly limits: Partial<Ceilings> | undefined
}

const TASK_OPTIONS: ReadonlySet<string> = new Set(OPTION_NAMES)
const PROJECT_KEYS: ReadonlySet<string> = new Set(['engine', 'concurrency', 'limits', 'tasks', 'envFile', 'defaultCluster', 'clusters'])

export function chooseTarget({ config, root }: Pick<Project, 'config' | 'root'>, cluster: string | undefined): ChosenTarget {
  const name = cluster ?? config.defaultCluster
  const target: Target = { ...config, ...(name !== undefined && clusterOf(config, name)) }
  const options: Record<string, unknown> = {}
  const settings: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(target)) {
    if (PROJECT_KEYS.has(key)) continue
    if (TASK_OPTIONS.has(key)) options[key] = value
    else settings[key] = value
  }
  const files = [config.envFile ?? []].flat()
  const env = { ...target.env, ...readVariables(files, root, 'envFile') }
  const label = name === undefined ? 'config' : `cluster ${name}`
  return {
    engine: target.engine,
    defaults: resolveOptions({ ...(options as TaskOptions), ...(Object.keys(env).length > 0 && { env }) }, label),
    settings,
    concurrency: config.concurrency,
    limits: config.limits,
  }
}

function clusterOf(config: CowaitConfig, name: string): Target {
  const known = Object.keys(config.clusters ?? {})
  const target = config.clusters?.[name]
  if (target) return target
  const list = known.length === 0 ? 'The config names none.' : `The config has ${known.join(', ')}.`
  throw new UsageError(`There is no cluster ${JSON.stringify(name)}.${didYouMean(name, known) || ` ${list}`}`)
}
