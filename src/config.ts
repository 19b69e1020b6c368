/** The entry of `cowait.config.ts`: types, and a function that says which one a config is of. */
import type { CowaitConfig } from './core/config-types.ts'

export type { CowaitConfig, EngineName, EngineSettings, KubernetesVolume, PodResources, Target, Toleration } from './core/config-types.ts'

/** Answers its argument; for its type. A plain object does as well. */
export function defineConfig(config: CowaitConfig): CowaitConfig {
  return config
}
