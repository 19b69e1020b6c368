/** What people may set for Kubernetes, and what of it is known to be wrong before the cluster is asked. */
import { UsageError } from '../../core/errors.ts'

export interface KubernetesSettings {
  /** A context of the kubeconfig; its current one unless told. */
  readonly context?: string
  /** The context's unless told. */
  readonly namespace?: string
  /** For workers whose task names none; `node:24-slim` unless told. */
  readonly image?: string
  /** When an image is pulled: where it is missing (unless told), at every start, or never. */
  readonly pull?: 'missing' | 'always' | 'never'
  /** Working directory of tasks: absolute, or relative to the project's root. */
  readonly workdir?: string
  /** `1000` or `1000:1000`; that unless told. */
  readonly user?: string
}

export const defaultImage = 'node:24-slim'

type Check = (value: unknown) => string | undefined

const text: Check = (value) => (typeof value === 'string' && value !== '' ? undefined : 'a text that is not empty')
const name: Check = (value) =>
  typeof value === 'string' && /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(value)
    ? undefined
    : 'a name of lower-case letters, digits and dashes'

const checks: Readonly<Record<keyof KubernetesSettings, Check>> = {
  context: text,
  namespace: name,
  image: text,
  pull: (value) => (value === 'missing' || value === 'always' || value === 'never' ? undefined : 'missing, always or never'),
  workdir: text,
  user: (value) => (typeof value === 'string' && /^\d+(:\d+)?$/.test(value) ? undefined : 'a number, such as "1000" or "1000:1000"'),
}

/** Throws a `UsageError` for a setting that this engine does not have, or that cannot be what it is. */
export function parseSettings(settings: Readonly<Record<string, unknown>>): KubernetesSettings {
  const parsed: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(settings)) {
    if (value === undefined) continue
    const check = Object.hasOwn(checks, key) ? checks[key as keyof KubernetesSettings] : undefined
    if (check === undefined) {
      throw new UsageError(`The kubernetes engine has no setting "${key}". It has: ${Object.keys(checks).toSorted().join(', ')}.`)
    }
    const wanted = check(value)
    if (wanted !== undefined) throw new UsageError(`The kubernetes setting ${key} is ${JSON.stringify(value)}, but must be ${wanted}.`)
    parsed[key] = value
  }
  return parsed as KubernetesSettings
}
