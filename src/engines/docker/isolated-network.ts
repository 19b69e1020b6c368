/**
 * The network that workers get unless they ask for another: the way out is open, the way to each other and to other containers is not.
 *
 * One for the whole engine, not one for each tree of runs: an engine has addresses for about 30 networks. Starting in it costs what
 * the default bridge costs; making it costs 90 ms, which overlap with the search for the image. Whoever closes last removes it. (Docker
 * 20.10 may miscount who is in a network when many come and go at once, and then refuses until its next start. It can still be used.)
 *
 * Podman separates networks from each other, but not those within one.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { ApiError, isMissing, startError } from './api-error.ts'
import type { DockerClient } from './docker-client.ts'
import { label } from './labels.ts'
import { SharedWork } from './shared-work.ts'

export const isolatedNetwork = 'cowait-isolated'

export class IsolatedNetwork {
  readonly #client: DockerClient
  #made: SharedWork<void, never> | undefined

  constructor(client: DockerClient) {
    this.#client = client
  }

  /** Resolves when the network is there. */
  ensure(signal: AbortSignal): Promise<void> {
    if (this.#made === undefined || this.#made.failed) this.#made = new SharedWork(() => this.#make())
    return this.#made.wait(signal)
  }

  /** Another supervisor removed it, as it may when nobody is in it. */
  forget(): void {
    this.#made = undefined
  }

  /** Removes it unless somebody is in it. */
  async release(): Promise<void> {
    if (this.#made === undefined) return
    this.#made = undefined
    for (let tries = 0; tries < 2; tries++) {
      try {
        await this.#client.call('DELETE', `/networks/${isolatedNetwork}`)
        return
      } catch (error) {
        if (!(error instanceof ApiError) || error.status === 404) return
        const { Containers = {} } = await this.#client
          .call<{ Containers?: object }>('GET', `/networks/${isolatedNetwork}`)
          .catch(() => ({ Containers: undefined }))
        if (Object.keys(Containers).length > 0) return
        await pause(50)
      }
    }
  }

  /** Removes what supervisors left that were killed: whoever still needs it makes it anew (see `forget`). */
  async sweep(): Promise<void> {
    if (this.#made === undefined) await this.#client.call('DELETE', `/networks/${isolatedNetwork}`).catch(() => {})
  }

  async #make(): Promise<void> {
    try {
      await this.#client.call('GET', `/networks/${isolatedNetwork}`)
      return
    } catch (error) {
      if (!isMissing(error)) throw this.#explained(error)
    }
    try {
      await this.#client.call('POST', '/networks/create', {
        body: {
          Name: isolatedNetwork,
          CheckDuplicate: true,
          Driver: 'bridge',
          Labels: { [label.network]: 'isolated' },
          Options: { 'com.docker.network.bridge.enable_icc': 'false' },
        },
      })
    } catch (error) {
      // Another supervisor made it meanwhile.
      if (!(error instanceof ApiError && error.status === 409)) throw this.#explained(error)
    }
  }

  #explained(error: unknown): Error {
    return startError(error, { name: 'the network of the workers', image: '' }, this.#client.endpoint)
  }
}
