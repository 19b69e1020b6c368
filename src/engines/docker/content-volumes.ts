/**
 * Volumes named by what is in them, for engines that do not see this host's folders. Filled once, used by every later run of the same
 * content, removed by `prune`.
 *
 * A volume counts as filled when it holds the mark that is written last. Only one process fills a volume at a time: the name of the
 * carrier is the lock, and a carrier whose owner is gone is a lock that nobody holds.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { EngineError } from '../../core/errors.ts'
import type { ApiListed, ApiMount, ApiVolume } from './api-types.ts'
import { ApiError, isMissing } from './api-error.ts'
import { Carrier } from './carrier.ts'
import type { DockerClient } from './docker-client.ts'
import { isAbandoned } from '../origin.ts'
import { label, originPrefix } from './labels.ts'
import type { TarEntry } from './tar.ts'

export interface Content {
  readonly kind: string
  /** SHA-256, hex. */
  readonly hash: string
  readonly entries: readonly TarEntry[]
  /** Whether it is still what the hash says: what changes while it is sent would be taken for that by every later run. */
  readonly isSame: () => Promise<boolean>
}

export interface ContentVolumesOptions {
  readonly client: DockerClient
  readonly labels: Readonly<Record<string, string>>
  readonly image: string
  /** Two minutes unless told. */
  readonly lockPatienceMs?: number
}

const filledMark = '.cowait-filled'
const lockPollMs = 200
/** From then on a lock is not waited for that its owner's host alone could judge: filling twice with the same content harms nobody. */
const lockPatienceMs = 120_000

/** Whether volumes are there that were filled; somebody may have removed them since ("docker volume prune", `cowait prune`). */
export async function areThere(client: DockerClient, volumes: readonly string[], signal: AbortSignal): Promise<boolean> {
  const filters = JSON.stringify({ label: [label.content] })
  const { Volumes } = await client.call<{ Volumes: ApiVolume[] | null }>('GET', '/volumes', { query: { filters }, signal })
  const names = new Set(Volumes?.map(({ Name }) => Name))
  return volumes.every((volume) => names.has(volume))
}

export class ContentVolumes {
  readonly #options: ContentVolumesOptions

  constructor(options: ContentVolumesOptions) {
    this.#options = options
  }

  /** The names of the volumes, in the order of the contents. Transfers only what is not there yet. */
  async fill(contents: readonly Content[], signal: AbortSignal, report: (detail: string) => void): Promise<string[]> {
    const names = contents.map(({ kind, hash }) => `cowait-${kind}-${hash.slice(0, 16)}`)
    for (const [index, { hash }] of contents.entries()) await this.#make(names[index] ?? '', hash, signal)
    const filled = await this.#areFilled(names)
    for (const [index, content] of contents.entries()) {
      if (filled[index] !== true) await this.#fillOne(names[index] ?? '', content, signal, report)
    }
    return names
  }

  async #make(volume: string, hash: string, signal: AbortSignal): Promise<void> {
    const { client } = this.#options
    const make = (): Promise<ApiVolume> =>
      client.call<ApiVolume>('POST', '/volumes/create', { body: { Name: volume, Labels: { [label.content]: hash } }, signal })
    const { Labels } = await make()
    if (Labels?.[label.content] === hash) return
    // The engine made it for a container that named it, when it had been removed.
    await client.call('DELETE', `/volumes/${volume}`, { signal }).catch((error: unknown) => {
      if (!(error instanceof ApiError)) throw error
    })
    await make()
  }

  async #areFilled(names: readonly string[]): Promise<boolean[]> {
    const { client, image, labels } = this.#options
    const mounts = names.map((name, index) => volumeAt(name, `/cowait-look/${index}`))
    await using carrier = await Carrier.create(client, { image, labels, purpose: 'look', mounts })
    const stats = await Promise.all(names.map((_name, index) => carrier.stat(`/cowait-look/${index}/${filledMark}`)))
    return stats.map((stat) => stat !== undefined)
  }

  async #fillOne(volume: string, { kind, entries, isSame }: Content, signal: AbortSignal, report: (detail: string) => void): Promise<void> {
    await using carrier = await this.#lock(volume, signal, () => report(`waiting for another host that sends ${kind} to the engine`))
    if ((await carrier.stat(`/cowait-fill/${filledMark}`)) !== undefined) return
    const bytes = entries.reduce((sum, entry) => sum + (entry.type === 'file' ? entry.size : 0), 0)
    report(`sending ${kind} to the engine, ${Math.ceil(bytes / 1024)} KiB`)
    // From the root: a link that leads out of the folder that is unpacked into would be refused.
    const below = (entry: TarEntry): TarEntry => ({ ...entry, name: `cowait-fill/${entry.name}` })
    await carrier.put('/', entries.map(below), signal)
    if (!(await isSame())) {
      throw new EngineError(`Files of the ${kind} changed while they were sent to the engine.`, {
        hint: 'Run again when they are at rest: a build or an install may be under way.',
      })
    }
    await carrier.put('/', [below({ type: 'text', name: filledMark, mode: 0o444, text: '' })], signal)
  }

  async #lock(volume: string, signal: AbortSignal, tellWaiting: () => void): Promise<Carrier> {
    const { client, image, labels, lockPatienceMs: patienceMs = lockPatienceMs } = this.#options
    const name = `${volume}-fill`
    const started = performance.now()
    for (let tries = 1; ; tries++) {
      const isPatient = performance.now() - started < patienceMs
      const mounts = [volumeAt(volume, '/cowait-fill')]
      try {
        return await Carrier.create(client, { image, labels, purpose: 'fill', mounts, ...(isPatient && { name }) })
      } catch (error) {
        if (!(error instanceof ApiError && (error.status === 409 || /already in use/i.test(error.message)))) throw error
      }
      const holders = await client.call<ApiListed[]>('GET', '/containers/json', {
        query: { all: true, filters: JSON.stringify({ name: [`^/?${name}$`] }) },
        signal,
      })
      for (const { Id, Labels } of holders) {
        if (!(await isAbandoned(Labels, originPrefix))) continue
        await client.call('DELETE', `/containers/${Id}`, { query: { force: true } }).catch((error: unknown) => {
          if (!isMissing(error)) throw error
        })
      }
      if (tries === 2) tellWaiting()
      await pause(lockPollMs, undefined, { signal })
    }
  }
}

function volumeAt(volume: string, target: string): ApiMount {
  return { Type: 'volume', Source: volume, Target: target, ReadOnly: false, VolumeOptions: { NoCopy: true } }
}
