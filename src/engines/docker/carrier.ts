/**
 * A container that is never started: with one, folders and volumes of the engine can be looked into and filled through the API alone.
 */
import { Readable } from 'node:stream'
import type { ApiMount } from './api-types.ts'
import { isMissing } from './api-error.ts'
import type { DockerClient } from './docker-client.ts'
import { label } from './labels.ts'
import { writeTar, type TarEntry } from './tar.ts'

export interface CarrierOptions {
  readonly image: string
  readonly labels: Readonly<Record<string, string>>
  readonly purpose: string
  readonly mounts: readonly ApiMount[]
  /** Unless told, the engine names it. */
  readonly name?: string
}

export interface PathStat {
  readonly size: number
  readonly mtimeMs: number
}

/** What stands at a path inside of a container, started or not, or undefined. */
export async function statInside(client: DockerClient, containerId: string, path: string): Promise<PathStat | undefined> {
  try {
    const response = await client.stream('HEAD', `/containers/${containerId}/archive`, { query: { path } })
    response.resume()
    const text = Buffer.from(String(response.headers['x-docker-container-path-stat']), 'base64').toString('utf8')
    const { size, mtime } = JSON.parse(text) as { size: number; mtime: string }
    return { size, mtimeMs: Date.parse(mtime) }
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

export class Carrier implements AsyncDisposable {
  readonly #client: DockerClient
  readonly #id: string

  private constructor(client: DockerClient, id: string) {
    this.#client = client
    this.#id = id
  }

  /** Throws an `ApiError`: 409 when the name is taken. */
  static async create(client: DockerClient, { image, labels, purpose, mounts, name }: CarrierOptions): Promise<Carrier> {
    // Not to be given up half-way: what the engine then still makes would stay.
    const { Id } = await client.call<{ Id: string }>('POST', '/containers/create', {
      query: { name },
      body: {
        Image: image,
        Entrypoint: ['sh'],
        Cmd: [],
        Labels: { ...labels, [label.carrier]: purpose },
        HostConfig: { NetworkMode: 'none', Mounts: mounts, LogConfig: { Type: 'none' } },
      },
    })
    return new Carrier(client, Id)
  }

  /** What stands at a path, or undefined. */
  stat(path: string): Promise<PathStat | undefined> {
    return statInside(this.#client, this.#id, path)
  }

  /** Whether a folder holds nothing. */
  async isEmpty(path: string): Promise<boolean> {
    const response = await this.#client.stream('GET', `/containers/${this.#id}/archive`, { query: { path: `${path}/.` } })
    // One header of 512 bytes for the folder itself, and two empty ones for the end; a file would take more.
    let bytes = 0
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length
      if (bytes > 3 * 512) break
    }
    return bytes <= 3 * 512
  }

  /** Unpacks entries below a folder that exists. */
  async put(folder: string, entries: AsyncIterable<TarEntry> | Iterable<TarEntry>, signal: AbortSignal): Promise<void> {
    await this.#client.upload(`/containers/${this.#id}/archive`, Readable.from(writeTar(entries), { objectMode: false }), {
      query: { path: folder },
      signal,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.call('DELETE', `/containers/${this.#id}`, { query: { force: true, v: true } }).catch((error: unknown) => {
      if (!isMissing(error)) throw error
    })
  }
}
