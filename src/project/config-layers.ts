/** The config of a project over the one of the user: what both say comes from the project. */
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join, relative } from 'node:path'
import type { CowaitConfig } from '../core/config-types.ts'
import { UsageError } from '../core/errors.ts'
import { isRecord } from '../core/option-checks.ts'
import { leadsOut, toSlashes } from './folders.ts'
import { didYouMean } from '../core/nearest.ts'

/** A config file as it was read. */
export interface ConfigLayer {
  readonly file: string
  readonly config: CowaitConfig
}

/** The user's own config file, whether or not it is there: `cowait/config.json` in the folder for configs, `~/.config` unless told. */
export function userConfigFile(env: NodeJS.ProcessEnv = process.env): string {
  const { XDG_CONFIG_HOME: folder = '' } = env
  // The XDG rules: a path that is not absolute does not count.
  return join(isAbsolute(folder) ? folder : join(homedir(), '.config'), 'cowait', 'config.json')
}

export async function userLayer(env?: NodeJS.ProcessEnv): Promise<ConfigLayer | undefined> {
  const file = userConfigFile(env)
  if (!existsSync(file)) return undefined
  const { loadUserConfig } = await import('./load-config.ts')
  return { file, config: loadUserConfig(file) }
}

/** Layers as one config, the later ones over the earlier ones: objects key by key, everything else as a whole. */
export function mergeLayers(layers: readonly ConfigLayer[]): CowaitConfig {
  const merged = layers.reduce<Record<string, unknown>>((base, { config }) => mergeDeep(base, config as Record<string, unknown>), {})
  return merged as CowaitConfig
}

/** Throws a `UsageError` for a default cluster that no layer names. */
export function checkDefaultCluster(layers: readonly ConfigLayer[], { clusters = {}, defaultCluster }: CowaitConfig, root: string): void {
  if (defaultCluster === undefined || Object.hasOwn(clusters, defaultCluster)) return
  const { file = '' } = layers.findLast(({ config }) => config.defaultCluster !== undefined) ?? {}
  const name = leadsOut(relative(root, file)) ? file : toSlashes(relative(root, file))
  const meant = didYouMean(defaultCluster, Object.keys(clusters))
  throw new UsageError(`${name}: defaultCluster is ${JSON.stringify(defaultCluster)}, and clusters has no such name.${meant}`)
}

function mergeDeep(base: Readonly<Record<string, unknown>>, over: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key]
    if (value !== undefined) merged[key] = isRecord(before) && isRecord(value) ? mergeDeep(before, value) : value
  }
  return merged
}
