/**
 * Volumes named by what is in them, for engines that do not see this host's folders. Filled once, used by every later run of the same
 * content, removed by `prune`.
 *
 * A volume counts as filled when it holds the mark that is written last. Only one process fills a volume at a time: the name of the
 * carrier is the lock, and a carrier whose owner is gone is a lock that nobody holds.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { ApiListed, ApiMount } from './api-types.ts'
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
}

interface Options {
  readonly client: DockerClient
  readonly labels: Readonly<Record<string, string>>
  readonly image: string
}

const filledMark = '.cowait-filled'
const lockPollMs = 200

export class ContentVolumes {
  readonly #options: Options

  constructor(options: Options) {
    this.#options = options
  }

  /** The names of the volumes, in the order of the contents. Transfers only what is not there yet. */
  async fill(contents: readonly Content[], signal: AbortSignal, report: (detail: string) => void): Promise<string[]> {
    const names = contents.map(({ kind, hash }) => `cowait-${kind}-${hash.slice(0, 16)}`)
    for (const [index, { hash }] of contents.entries()) {
      await this.#options.client.call('POST', '/volumes/create', {
        body: { Name: names[index], Labels: { [label.content]: hash } },
        signal,
      })
    }
    const filled = await this.#areFilled(names)
    for (const [index, content] of contents.entries()) {
      if (filled[index] !== true) await this.#fillOne(names[index] ?? '', content, signal, report)
    }
    return names
  }

  async #areFilled(names: readonly string[]): Promise<boolean[]> {
    const { client, image, labels } = this.#options
    const mounts = names.map((name, index) => volumeAt(name, `/cowait-look/${index}`))
    await using carrier = await Carrier.create(client, { image, labels, purpose: 'look', mounts })
    const stats = await Promise.all(names.map((_name, index) => carrier.stat(`/cowait-look/${index}/${filledMark}`)))
    return stats.map((stat) => stat !== undefined)
  }

  async #fillOne(volume: string, { kind, entries }: Content, signal: AbortSignal, report: (detail: string) => void): Promise<void> {
    await using carrier = await this.#lock(volume, signal)
    if ((await carrier.stat(`/cowait-fill/${filledMark}`)) !== undefined) return
    const bytes = entries.reduce((sum, entry) => sum + (entry.type === 'file' ? entry.size : 0), 0)
    report(`sending ${kind} to the engine, ${Math.ceil(bytes / 1024)} KiB`)
    // From the root: a link that leads out of the folder that is unpacked into would be refused.
    const below = (entry: TarEntry): TarEntry => ({ ...entry, name: `cowait-fill/${entry.name}` })
    await carrier.put('/', entries.map(below), signal)
    await carrier.put('/', [below({ type: 'text', name: filledMark, mode: 0o444, text: '' })], signal)
  }

  async #lock(volume: string, signal: AbortSignal): Promise<Carrier> {
    const { client, image, labels } = this.#options
    const name = `${volume}-fill`
    for (;;) {
      try {
        return await Carrier.create(client, { image, labels, purpose: 'fill', name, mounts: [volumeAt(volume, '/cowait-fill')] })
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
      await pause(lockPollMs, undefined, { signal })
    }
  }
}

function volumeAt(volume: string, target: string): ApiMount {
  return { Type: 'volume', Source: volume, Target: target, ReadOnly: false, VolumeOptions: { NoCopy: true } }
}
