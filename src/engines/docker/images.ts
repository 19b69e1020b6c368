/**
 * Which image a worker gets. A name is looked up once: from its first use on, the whole tree of runs has the same image, also when
 * the tag moves meanwhile.
 */
import type { StartPhase } from '../../core/engine.ts'
import { EngineError } from '../../core/errors.ts'
import { SharedWork } from '../../core/shared-work.ts'
import { connectionError, isMissing } from './api-error.ts'
import type { ApiImage } from './api-types.ts'
import type { DockerClient } from './docker-client.ts'
import type { PullPolicy } from './docker-settings.ts'
import { goArchitecture, platformOf } from './platform.ts'
import { pull } from './pull.ts'

export interface Image {
  /** `sha256:...` */
  readonly id: string
  readonly platform: string
  /** As the image says it; empty for root. */
  readonly user: string
}

export interface ImageWish {
  readonly name: string
  readonly policy: PullPolicy
  readonly platform: string | undefined
}

type Report = (phase: StartPhase) => void

export class Images {
  readonly #client: DockerClient
  readonly #env: NodeJS.ProcessEnv
  /** Of the engine's host, as Go calls it. */
  readonly #architecture: string
  readonly #found = new Map<string, SharedWork<Image, StartPhase>>()

  constructor(client: DockerClient, machine: string, env: NodeJS.ProcessEnv) {
    this.#client = client
    this.#architecture = goArchitecture(machine)
    this.#env = env
  }

  /** Throws an `EngineError` when the image cannot be had, or cannot run a worker. */
  async find(wish: ImageWish, signal: AbortSignal, report: Report): Promise<Image> {
    const key = keyOf(wish)
    let work = this.#found.get(key)
    if (work === undefined || work.failed) {
      work = new SharedWork((shared, tell) => this.#resolve(wish, shared, tell))
      this.#found.set(key, work)
    }
    return work.wait(signal, report)
  }

  /** It is no longer in the engine: who asks next has it looked up again. */
  forget(wish: ImageWish): void {
    this.#found.delete(keyOf(wish))
  }

  async #resolve({ name, policy, platform }: ImageWish, signal: AbortSignal, report: Report): Promise<Image> {
    const pulled = (): Promise<void> => pull(this.#client, name, { platform, env: this.#env, signal, report })
    if (policy === 'always') await pulled()
    let image = await this.#inspect(name, signal)
    if (policy === 'missing' && (image === undefined || !hasPlatform(image, platform))) {
      await pulled()
      image = await this.#inspect(name, signal)
    }
    if (image === undefined) {
      throw new EngineError(`Image "${name}" is not in engine docker, and "pull" is ${policy}.`, {
        hint: `Build or pull it ("docker pull ${name}"), or pass --image.`,
      })
    }
    this.#checkPlatform(name, image, platform)
    checkNode(name, image)
    return { id: image.Id, platform: platformOf(image), user: image.Config?.User ?? '' }
  }

  async #inspect(name: string, signal: AbortSignal): Promise<ApiImage | undefined> {
    try {
      return await this.#client.call<ApiImage>('GET', `/images/${name}/json`, { signal })
    } catch (error) {
      if (isMissing(error)) return undefined
      throw connectionError(error, this.#client.endpoint)
    }
  }

  #checkPlatform(name: string, image: ApiImage, wanted: string | undefined): void {
    if (image.Os !== undefined && image.Os !== '' && image.Os !== 'linux') {
      throw new EngineError(`Image "${name}" is for ${platformOf(image)}, but workers run on Linux.`, { hint: 'Use a Linux image.' })
    }
    if (wanted !== undefined) {
      if (hasPlatform(image, wanted)) return
      throw new EngineError(`Image "${name}" is for ${platformOf(image)}, but "platform" is ${wanted}.`, {
        hint: 'Pull it for that platform, or use another image.',
      })
    }
    if (image.Architecture && image.Architecture !== this.#architecture) {
      throw new EngineError(`Image "${name}" is for ${platformOf(image)}, but the engine is linux/${this.#architecture}.`, {
        hint: `Use an image for linux/${this.#architecture}, or set "platform" to ${platformOf(image)} where the engine can emulate it.`,
      })
    }
  }
}

function keyOf({ name, platform }: ImageWish): string {
  return `${name} ${platform ?? ''}`
}

function hasPlatform(image: ApiImage, platform: string | undefined): boolean {
  if (platform === undefined) return true
  const [os, architecture, variant] = platform.split('/')
  return (
    (image.Os ?? 'linux') === os &&
    image.Architecture === architecture &&
    (variant === undefined || !image.Variant || image.Variant === variant)
  )
}

/** Official images say which Node they hold, so an old one is refused before a container is made. */
function checkNode(name: string, image: ApiImage): void {
  const version = image.Config?.Env?.find((line) => line.startsWith('NODE_VERSION='))?.slice('NODE_VERSION='.length)
  if (version === undefined) return
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isSupported = major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19)
  if (!isSupported)
    throw new EngineError(`Image "${name}" has Node ${version}, but a worker needs 20.19, 22.12 or later.`, {
      hint: 'Use a later image, such as node:24-slim.',
    })
}
