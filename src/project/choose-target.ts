import type { Ceilings } from '../core/ceilings.ts'
import type { CowaitConfig, Target } from '../core/config-types.ts'
import { UsageError } from '../core/errors.ts'
import type { RunOptions, TaskOptions } from '../core/options.ts'
import { OPTION_NAMES, resolveOptions } from '../core/resolve-options.ts'
import { didYouMean } from '../core/nearest.ts'
import type { Project } from './project.ts'
import { readVariables } from './read-variables.ts'

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

/** Throws a `UsageError` for a cluster that the config does not name. */
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
