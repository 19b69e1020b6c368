import type { Ceilings } from '../core/ceilings.ts'
import type { CowaitConfig, Target } from '../core/config-types.ts'
import { UsageError } from '../core/errors.ts'
import type { RunOptions, TaskOptions } from '../core/options.ts'
import { mergeOptions } from '../core/merge-options.ts'
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
  /** By engine, what the config says about those that are not this one. */
  readonly otherSettings: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly concurrency: number | undefined
  readonly limits: Partial<Ceilings> | undefined
}

const TASK_OPTIONS: ReadonlySet<string> = new Set(OPTION_NAMES)
const PROJECT_KEYS: ReadonlySet<string> = new Set(['engine', 'concurrency', 'limits', 'tasks', 'envFile', 'defaultCluster', 'clusters'])

/** Throws a `UsageError` for a cluster that the config does not name. */
export function chooseTarget({ config, root }: Pick<Project, 'config' | 'root'>, asked: string | undefined): ChosenTarget {
  const name = asked ?? config.defaultCluster
  const cluster = name === undefined ? {} : clusterOf(config, name)
  const target: Target = { ...config, ...cluster }
  const options = mergeOptions(optionsOf(config), optionsOf(cluster))
  const files = [config.envFile ?? []].flat()
  const env = { ...options.env, ...readVariables(files, root, 'envFile') }
  const label = name === undefined ? 'config' : `cluster ${name}`
  return {
    engine: target.engine,
    defaults: resolveOptions({ ...options, ...(Object.keys(env).length > 0 && { env }) }, label),
    settings: settingsOf(target),
    otherSettings: otherSettings(config, target.engine),
    concurrency: config.concurrency,
    limits: config.limits,
  }
}

/**
 * What the config says about one engine of a run tree whose root is on `rootEngine`. Settings are those of the engine that is named beside
 * them. Where none is, they are the root's, or anybody's where that is `process`, which has no settings.
 */
export function settingsFor(
  { engine, settings, otherSettings }: ChosenTarget,
  name: string,
  rootEngine: string,
): Readonly<Record<string, unknown>> {
  const isTheirs = engine === undefined ? name === rootEngine || rootEngine === 'process' : name === engine
  return isTheirs ? settings : (otherSettings[name] ?? {})
}

/** Of an engine that the config's top names, or else one cluster alone. */
function otherSettings(config: CowaitConfig, chosen: string | undefined): Record<string, Record<string, unknown>> {
  const others: Record<string, Record<string, unknown>> = {}
  const clusters = Object.values(config.clusters ?? {})
  for (const { engine } of [config, ...clusters]) {
    if (engine === undefined || engine === chosen) continue
    const [only, ...more] = config.engine === engine ? [config] : clusters.filter((cluster) => cluster.engine === engine)
    if (only && more.length === 0) others[engine] = settingsOf(only)
  }
  return others
}

function optionsOf(target: Target): TaskOptions {
  return Object.fromEntries(Object.entries(target).filter(([key]) => TASK_OPTIONS.has(key) && !PROJECT_KEYS.has(key)))
}

function settingsOf(target: Target): Record<string, unknown> {
  return Object.fromEntries(Object.entries(target).filter(([key]) => !PROJECT_KEYS.has(key) && !TASK_OPTIONS.has(key)))
}

function clusterOf(config: CowaitConfig, name: string): Target {
  const known = Object.keys(config.clusters ?? {})
  const target = config.clusters?.[name]
  if (target) return target
  const list = known.length === 0 ? 'The config names none.' : `The config has ${known.join(', ')}.`
  throw new UsageError(`There is no cluster ${JSON.stringify(name)}.${didYouMean(name, known) || ` ${list}`}`)
}
