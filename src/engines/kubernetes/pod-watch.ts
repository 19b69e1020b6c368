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
import type { Refusals } from './refusals.ts'

export interface PodWatchOptions {
  readonly client: ApiClient
  /** The pods' path in the API. */
  readonly path: string
  readonly labelSelector: string
  readonly refusals: Refusals
  onPod(pod: Pod): void
  onDeleted(pod: Pod): void
}

/** The server ends a watch by itself after so long; less than what proxies allow. */
const watchSeconds = 240
/** One that ends sooner, and without an event, is not asked for again at once: something between answers so each time. */
const servedMs = 1000
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
  /** How many events watches brought. */
  #told = 0

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
      const from = performance.now()
      const told = this.#told
      let problem: unknown
      try {
        await this.#watch()
      } catch (error) {
        problem = error
      }
      const hasServed = this.#told > told || performance.now() - from >= servedMs
      if (hasServed) waitMs = firstRetryMs
      if (isForgotten(problem)) problem = await this.#list().catch((error: unknown) => error)
      if (signal.aborted) return
      if (problem !== undefined) this.#options.refusals.hear('watch', problem)
      if (hasServed && problem === undefined) continue
      const jitteredMs = waitMs * (0.75 + Math.random() / 2)
      await pause(Math.max(jitteredMs, retryAfterMs(problem)), undefined, { signal }).catch(() => undefined)
      waitMs = Math.min(waitMs * 2, longestRetryMs)
    }
  }

  async #watch(): Promise<void> {
    const { client, path, labelSelector, refusals } = this.#options
    const query = { watch: true, allowWatchBookmarks: true, resourceVersion: this.#version, timeoutSeconds: watchSeconds, labelSelector }
    const response: IncomingMessage = await client.stream(path, { query, signal: this.#stop.signal })
    refusals.hear('watch', undefined)
    try {
      for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
        if (line === '') continue
        const { type, object } = JSON.parse(line) as WatchEvent
        if (type === 'ERROR') throw new ApiError(object.code ?? 0, object)
        this.#version = object.metadata.resourceVersion ?? this.#version
        if (type === 'BOOKMARK') continue
        this.#told++
        this.#tell(type, object)
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

/** The server no longer knows the version that the watch was to go on from. */
function isForgotten(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 410 || error.reason === 'Expired')
}
