/**
 * All that happens to one supervisor's pods, by one watch: opened at the version of a list, gone on with where it ended, and begun anew
 * with a list when the server has forgotten that version (410).
 */
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import type { IncomingMessage } from 'node:http'
import type { ApiClient } from './api-client.ts'
import { ApiError, retryAfterMs } from './api-error.ts'
import type { ApiStatus, Listed, Pod } from './api-types.ts'

export interface PodWatchOptions {
  readonly client: ApiClient
  /** The pods' path in the API. */
  readonly path: string
  readonly labelSelector: string
  onPod(pod: Pod): void
  onDeleted(pod: Pod): void
}

/** The server ends a watch by itself after so long; less than what proxies allow. */
const watchSeconds = 240
const firstRetryMs = 100
const longestRetryMs = 2000

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: Pod & ApiStatus
}

export class PodWatch {
  readonly #options: PodWatchOptions
  readonly #stop = new AbortController()
  readonly #known = new Map<string, Pod>()
  #opened: Promise<void> | undefined
  #going: Promise<void> | undefined
  #version = ''

  constructor(options: PodWatchOptions) {
    this.#options = options
  }

  /** Resolves when everything from now on will be told. */
  open(): Promise<void> {
    const opened = (this.#opened ??= this.#list().then(() => {
      this.#going = this.#follow()
    }))
    opened.catch(() => {
      if (this.#opened === opened) this.#opened = undefined
    })
    return opened
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#opened?.catch(() => undefined)
    await this.#going
  }

  async #list(): Promise<void> {
    const { client, path, labelSelector } = this.#options
    const { metadata, items } = await client.call<Listed<Pod>>('GET', path, { query: { labelSelector }, signal: this.#stop.signal })
    this.#version = metadata.resourceVersion ?? ''
    const there = new Set(items.map(({ metadata: { name } }) => name))
    for (const [name, pod] of this.#known) if (!there.has(name)) this.#tell('DELETED', pod)
    for (const pod of items) this.#tell('MODIFIED', pod)
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop
    let waitMs = firstRetryMs
    while (!signal.aborted) {
      try {
        await this.#watch()
        waitMs = firstRetryMs
      } catch (error) {
        if (signal.aborted) return
        const isForgotten = error instanceof ApiError && (error.status === 410 || error.reason === 'Expired')
        if (isForgotten) await this.#list().catch(() => undefined)
        else {
          await pause(Math.max(waitMs, retryAfterMs(error)), undefined, { signal }).catch(() => undefined)
          waitMs = Math.min(waitMs * 2, longestRetryMs)
        }
      }
    }
  }

  async #watch(): Promise<void> {
    const { client, path, labelSelector } = this.#options
    const query = { watch: true, allowWatchBookmarks: true, resourceVersion: this.#version, timeoutSeconds: watchSeconds, labelSelector }
    const response: IncomingMessage = await client.stream(path, { query, signal: this.#stop.signal })
    try {
      for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
        if (line === '') continue
        const { type, object } = JSON.parse(line) as WatchEvent
        if (type === 'ERROR') throw new ApiError(object.code ?? 0, object)
        this.#version = object.metadata.resourceVersion ?? this.#version
        if (type !== 'BOOKMARK') this.#tell(type, object)
      }
    } finally {
      response.destroy()
    }
  }

  #tell(type: 'ADDED' | 'MODIFIED' | 'DELETED', pod: Pod): void {
    if (type === 'DELETED') {
      this.#known.delete(pod.metadata.name)
      this.#options.onDeleted(pod)
    } else {
      this.#known.set(pod.metadata.name, pod)
      this.#options.onPod(pod)
    }
  }
}
