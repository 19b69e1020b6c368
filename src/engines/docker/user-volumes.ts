/**
 * Named volumes that tasks ask for. They must exist: one that the engine makes by itself would stay behind and be empty, most likely
 * since its name is wrong. A new one belongs to root; so that a task of another user can write to it, an empty one is opened to all
 * before its first use (the engine keeps volumes where other users of its host cannot reach them).
 */
import type { WorkerSpec } from '../../core/engine.ts'
import { EngineError } from '../../core/errors.ts'
import { SharedWork } from '../../core/shared-work.ts'
import { isMissing } from './api-error.ts'
import { Carrier } from './carrier.ts'
import type { DockerClient } from './docker-client.ts'

type NamedWorker = Pick<WorkerSpec, 'name' | 'mounts'>

export class UserVolumes {
  readonly #client: DockerClient
  readonly #labels: Readonly<Record<string, string>>
  readonly #opened = new Map<string, SharedWork<void, never>>()

  constructor(client: DockerClient, labels: Readonly<Record<string, string>>) {
    this.#client = client
    this.#labels = labels
  }

  /** Throws an `EngineError` that names the volume which does not exist. */
  async check({ name, mounts }: NamedWorker, signal: AbortSignal): Promise<void> {
    for (const mount of mounts) {
      if (!('volume' in mount)) continue
      try {
        await this.#client.call('GET', `/volumes/${mount.volume}`, { signal })
      } catch (error) {
        if (!isMissing(error)) throw error
        throw new EngineError(`The volume "${mount.volume}" of ${name} does not exist in the engine.`, {
          cause: error,
          hint: `Make it with "docker volume create ${mount.volume}", or correct "volumes".`,
        })
      }
    }
  }

  /** `image` is any that the engine has; `user` is whoever will write, undefined for one that only the image knows. */
  async open({ mounts }: NamedWorker, image: string, user: string | undefined, signal: AbortSignal): Promise<void> {
    if (user !== undefined && /^(root|0)(:|$)/.test(user)) return
    for (const mount of mounts) {
      if (!('volume' in mount) || mount.readOnly) continue
      const { volume } = mount
      let work = this.#opened.get(volume)
      if (work === undefined || work.failed) {
        work = new SharedWork(() => this.#openOne(volume, image))
        this.#opened.set(volume, work)
      }
      await work.wait(signal)
    }
  }

  async #openOne(volume: string, image: string): Promise<void> {
    const mounts = [{ Type: 'volume' as const, Source: volume, Target: '/cowait-volume' }]
    await using carrier = await Carrier.create(this.#client, { image, labels: this.#labels, purpose: 'open', mounts })
    if (!(await carrier.isEmpty('/cowait-volume'))) return
    // From outside of it: the engine leaves the folder that it unpacks into as it is.
    await carrier.put('/', [{ type: 'folder', name: 'cowait-volume', mode: 0o1777 }], AbortSignal.timeout(10_000))
  }
}
