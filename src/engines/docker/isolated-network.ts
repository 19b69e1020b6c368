/**
 * The network that workers get unless they ask for another: the way out is open, the way to each other and to other containers is not.
 *
 * One for the whole engine, not one for each tree of runs: an engine has addresses for about 30 networks. Making it costs 90 ms, which
 * overlap with the compilation and the first worker's start (see late-network.ts). Whoever closes last removes it. (Docker may miscount
 * who is in a network, https://github.com/moby/moby/issues/42119, and then refuses until its next start. It can still be used.)
 *
 * Two supervisors that start at the same moment may each make one: Docker's check for a name that is taken is no lock. So a network is
 * known by its id, everyone takes the oldest, and who made a younger one removes it. Where both are in use they do no harm, since
 * neither reaches the other.
 *
 * Podman separates networks from each other, but not those within one.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { EngineError } from '../../core/errors.ts'
import { SharedWork } from '../../core/shared-work.ts'
import { ApiError, isMissing, startError } from './api-error.ts'
import type { ApiNetwork } from './api-types.ts'
import type { DockerClient } from './docker-client.ts'
import { label } from './labels.ts'

export const isolatedNetwork = 'cowait-isolated'

/** How long an answer under way may take when everything ends. */
const settleMs = 5000

export class IsolatedNetwork {
  readonly #client: DockerClient
  #found: SharedWork<string, never> | undefined
  #id: string | undefined

  constructor(client: DockerClient) {
    this.#client = client
  }

  /** Resolves to the network's id when it is there. */
  ensure(signal: AbortSignal): Promise<string> {
    if (this.#found === undefined || this.#found.failed) this.#found = new SharedWork((stop) => this.#find(stop))
    return this.#found.wait(signal)
  }

  /** Somebody else removed it, as they may when nobody is in it. */
  forget(id: string): void {
    if (this.#id === id) this.#found = this.#id = undefined
  }

  /**
   * Removes it, and its doubles, unless somebody is in them. An engine on this host is only asked to: it does so in the 100 ms after that,
   * whether or not somebody waits.
   */
  async release(): Promise<void> {
    if (this.#found === undefined) return
    await this.#found.wait(AbortSignal.timeout(settleMs)).catch(() => {})
    const hasFound = this.#id !== undefined
    this.#found = this.#id = undefined
    if (!hasFound) return
    const wait = this.#client.endpoint.kind !== 'unix'
    const networks = await this.#list(AbortSignal.timeout(settleMs))
    await Promise.all(networks.map(({ Id }) => (wait ? this.#removeUnused(Id) : this.#askToRemove(Id))))
  }

  /**
   * Removes what supervisors left that were killed, above an age: whoever still needs it makes it anew (see `forget`), but that costs a
   * start.
   */
  async sweep(aboveMs = 0): Promise<void> {
    for (const { Id, Created } of await this.#list()) {
      if (Id !== this.#id && Date.now() - Date.parse(Created) >= aboveMs) await this.#removeUnused(Id)
    }
  }

  async #find(signal: AbortSignal): Promise<string> {
    try {
      const [oldest] = await this.#list(signal)
      signal.throwIfAborted()
      this.#id = oldest?.Id ?? (await this.#make())
      return this.#id
    } catch (error) {
      throw startError(error, { name: 'the network of the workers', image: '' }, this.#client.endpoint)
    }
  }

  async #make(): Promise<string> {
    let made: string | undefined
    try {
      const { Id } = await this.#client.call<{ Id: string }>('POST', '/networks/create', {
        body: {
          Name: isolatedNetwork,
          CheckDuplicate: true,
          Driver: 'bridge',
          Labels: { [label.network]: 'isolated' },
          Options: { 'com.docker.network.bridge.enable_icc': 'false' },
        },
      })
      made = Id
    } catch (error) {
      // Another supervisor made it meanwhile. (Podman says so as if it were its own fault.)
      if (!(error instanceof ApiError && (error.status === 409 || /already (?:exists|used)/.test(error.message)))) throw error
    }
    const [oldest] = await this.#list()
    if (oldest === undefined && made === undefined) {
      throw new EngineError(`The engine has a network ${isolatedNetwork} that cowait did not make.`, {
        hint: `Remove it with "docker network rm ${isolatedNetwork}", or set "network" to another.`,
      })
    }
    if (made !== undefined && oldest !== undefined && made !== oldest.Id) await this.#removeUnused(made)
    return oldest?.Id ?? made ?? ''
  }

  /** Ours, oldest first. */
  async #list(signal?: AbortSignal): Promise<readonly ApiNetwork[]> {
    const filters = JSON.stringify({ label: [`${label.network}=isolated`] })
    const listed = await this.#client.call<ApiNetwork[]>('GET', '/networks', { query: { filters }, signal })
    return listed
      .filter(({ Name }) => Name === isolatedNetwork)
      .toSorted((one, two) => Date.parse(one.Created) - Date.parse(two.Created) || (one.Id < two.Id ? -1 : 1))
  }

  /** Resolves when the engine has the call. It refuses to remove what somebody is in. */
  async #askToRemove(id: string): Promise<void> {
    await this.#client.send('DELETE', `/networks/${id}`)
  }

  async #removeUnused(id: string): Promise<void> {
    for (let tries = 0; tries < 2; tries++) {
      try {
        await this.#client.call('DELETE', `/networks/${id}`)
        return
      } catch (error) {
        if (!(error instanceof ApiError) || isMissing(error)) return
        const { Containers = {} } = await this.#client
          .call<{ Containers?: object }>('GET', `/networks/${id}`)
          .catch(() => ({ Containers: undefined }))
        if (Object.keys(Containers).length > 0) return
        await pause(50)
      }
    }
  }
}
