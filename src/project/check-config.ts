import { defaultCeilings } from '../core/ceilings.ts'
import { UsageError } from '../core/errors.ts'
import { isRecord } from '../core/option-checks.ts'
import { OPTION_NAMES, resolveOptions } from '../core/resolve-options.ts'
import { show } from '../core/show.ts'
import type { CowaitConfig, EngineName, EngineSettings } from '../core/config-types.ts'
import { didYouMean } from '../core/nearest.ts'

type Check = (value: unknown) => string | undefined

const ENGINES: Readonly<Record<EngineName, true>> = { process: true, docker: true, kubernetes: true }
const SETTINGS: Readonly<Record<keyof EngineSettings, true>> = {
  host: true,
  context: true,
  namespace: true,
  pull: true,
  network: true,
  user: true,
  extraHosts: true,
  platform: true,
  pidsLimit: true,
  workdir: true,
  channel: true,
  serviceAccount: true,
  supervisorAccount: true,
  supervisorResources: true,
  keepDetached: true,
  imagePullSecrets: true,
  nodeSelector: true,
  tolerations: true,
  affinity: true,
  priorityClass: true,
  podLabels: true,
  podAnnotations: true,
  envFrom: true,
  podVolumes: true,
  allowHostPath: true,
  gpuResource: true,
  podTemplate: true,
}
const targetKeys: readonly string[] = [...OPTION_NAMES, ...Object.keys(SETTINGS)]

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText)
const isCeilings = (value: unknown): boolean =>
  isRecord(value) &&
  Object.entries(value).every(
    ([key, each]) => key in defaultCeilings && (each === Infinity || (Number.isSafeInteger(each) && (each as number) > 0)),
  )
const projectChecks: Readonly<Record<string, Check>> = {
  concurrency: (value) => (Number.isSafeInteger(value) && (value as number) > 0 ? undefined : 'a whole number above 0'),
  limits: (value) =>
    isCeilings(value)
      ? undefined
      : 'an object of whole numbers above 0, such as { depth: 64, alive: 1000, unfinished: 100000, runs: 1000000 }',
  tasks: (value) => (isTexts(value) ? undefined : 'a list of folders, such as ["jobs"]'),
  envFile: (value) => (isText(value) || isTexts(value) ? undefined : 'a file or a list of files, such as ".env"'),
  defaultCluster: (value) => (isText(value) ? undefined : 'the name of one of the clusters'),
  clusters: (value) => (isRecord(value) ? undefined : 'an object of targets by name'),
}

/** Throws a `UsageError` that names the file, the key, its value and what to write instead. */
export function checkConfig(written: unknown, file: string): CowaitConfig {
  if (!isRecord(written)) throw new UsageError(`${file}: a config is an object, not ${show(written)}. Write export default { ... }`)
  const { $schema: _schema, ...config } = written
  const target: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(config)) {
    const check = Object.hasOwn(projectChecks, key) ? projectChecks[key] : undefined
    const wanted = value === undefined ? undefined : check?.(value)
    if (wanted !== undefined) throw new UsageError(`${file}: ${key} is ${show(value)}, but must be ${wanted}`)
    if (!check) target[key] = value
  }
  checkTarget(target, file, [...targetKeys, ...Object.keys(projectChecks)])
  const clusters = (config['clusters'] ?? {}) as Record<string, unknown>
  for (const [name, cluster] of Object.entries(clusters)) {
    if (!isRecord(cluster)) throw new UsageError(`${file}: clusters.${name} is ${show(cluster)}, but must be an object`)
    checkTarget(cluster, `${file}: clusters.${name}`, targetKeys)
  }
  return config as CowaitConfig
}

/** Options are checked here, settings by the engine that they are for. */
function checkTarget(target: Record<string, unknown>, label: string, known: readonly string[]): void {
  const options: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(target)) {
    if (!known.includes(key))
      throw new UsageError(`${label}: there is no key ${show(key)}.${didYouMean(key, known) || ` There are ${known.join(', ')}.`}`)
    if (!Object.hasOwn(SETTINGS, key)) options[key] = value
  }
  const { engine } = target
  if (engine !== undefined && !(typeof engine === 'string' && Object.hasOwn(ENGINES, engine))) {
    throw new UsageError(`${label}: engine is ${show(engine)}, but must be one of ${Object.keys(ENGINES).join(', ')}`)
  }
  resolveOptions(options, label)
}
