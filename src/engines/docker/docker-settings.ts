/** What people may set for Docker, and what of it is known to be wrong before the engine is asked. */
import { UsageError } from '../../core/errors.ts'

export type PullPolicy = 'missing' | 'always' | 'never'

/** What one worker may set for itself, over what the engine was made with. */
export interface DockerWorkerSettings {
  /** When an image is pulled: where it is missing (unless told), at its first use in a tree of runs, or never. */
  readonly pull?: PullPolicy
  /**
   * Unless told, workers reach the internet but neither each other nor other containers. Otherwise a network's name, `bridge`,
   * `host` or `none`.
   */
  readonly network?: string
  /** `name`, `1000` or `1000:1000`. Unless told: the image's own user, else whoever runs cowait (see container-user.ts). */
  readonly user?: string
  /** `name:address`; the address `host-gateway` is the engine's host. */
  readonly extraHosts?: readonly string[]
  /** `linux/arm64`, `linux/arm/v7`. */
  readonly platform?: string
  /** Processes and threads in one container; 1024 unless told. */
  readonly pidsLimit?: number
  /** Working directory of tasks: absolute, or relative to the project's root. For the engine as a whole, not for one worker. */
  readonly workdir?: string
}

export interface DockerSettings extends DockerWorkerSettings {
  /** `unix:///var/run/docker.sock`, `tcp://build:2376`, `ssh://me@build`. Goes before `context` and the environment. */
  readonly host?: string
  /** A context of the docker command line. */
  readonly context?: string
  /** For workers whose task names none; `node:24-slim` unless told. */
  readonly image?: string
}

export const defaultImage = 'node:24-slim'
export const defaultPidsLimit = 1024

type Check = (value: unknown) => string | undefined

const text: Check = (value) => (typeof value === 'string' && value !== '' ? undefined : 'a text that is not empty')
const engineChecks: Record<string, Check> = { host: text, context: text, image: checkImageName }
const workerChecks: Record<string, Check> = {
  pull: (value) => (value === 'missing' || value === 'always' || value === 'never' ? undefined : 'missing, always or never'),
  network: text,
  user: (value) =>
    typeof value === 'string' && /^[\w.-]+(:[\w.-]+)?$/.test(value) ? undefined : 'a name or a number, such as "1000:1000"',
  extraHosts: (value) =>
    Array.isArray(value) && value.every((entry) => typeof entry === 'string' && /^[^:\s]+:\S+$/.test(entry))
      ? undefined
      : 'a list of "name:address", such as ["db:10.0.0.7"]',
  platform: (value) =>
    typeof value === 'string' && /^[a-z0-9]+\/[a-z0-9_]+(\/[a-z0-9]+)?$/.test(value)
      ? undefined
      : 'system/processor, such as "linux/arm64"',
  pidsLimit: (value) => (Number.isInteger(value) && (value as number) > 0 ? undefined : 'a whole number above 0'),
  workdir: text,
}

/** Throws a `UsageError` for a setting that the Docker engine does not have, or that cannot be what it is. */
export function parseEngineSettings(settings: Readonly<Record<string, unknown>>): DockerSettings {
  return parse(settings, { ...engineChecks, ...workerChecks }) as DockerSettings
}

/** As `parseEngineSettings`, for the settings of one worker: without `host` and `context`, which belong to the engine. */
export function parseWorkerSettings(settings: Readonly<Record<string, unknown>>): DockerWorkerSettings {
  const parsed = parse(settings, { ...workerChecks, ...engineChecks })
  // A target's settings come whole: what made the engine is not a worker's to change, and repeating it is no mistake.
  const { host: _host, context: _context, image: _image, ...own } = parsed
  return own as DockerWorkerSettings
}

function parse(settings: Readonly<Record<string, unknown>>, checks: Record<string, Check>): Record<string, unknown> {
  const parsed: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined) continue
    const check = checks[name]
    if (check === undefined) {
      throw new UsageError(`The docker engine has no setting "${name}". It has: ${Object.keys(checks).toSorted().join(', ')}.`)
    }
    const wanted = check(value)
    if (wanted !== undefined) throw new UsageError(`The docker setting ${name} is ${JSON.stringify(value)}, but must be ${wanted}.`)
    parsed[name] = value
  }
  return parsed
}

const imageName = /^(?:[a-zA-Z0-9.-]+(?::\d+)?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/

export function checkImageName(value: unknown): string | undefined {
  if (typeof value === 'string' && (imageName.test(value) || /^sha256:[0-9a-f]{12,64}$/.test(value))) return undefined
  return 'an image, such as "node:24-slim" (lower case, without a scheme)'
}
