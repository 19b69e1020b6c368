/**
 * What the cluster warns of while a pod is on a node and its container is not: a sandbox that cannot be made, a volume that cannot be
 * mounted. The pod's own state says `ContainerCreating` or `PodInitializing` for as long as that lasts; only its events tell why.
 *
 * One watch for all that are waited for, open only while there are such.
 */
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import type { ApiClient } from './api-client.ts'
import { isPassing } from './api-error.ts'

export interface Warning {
  readonly reason: string
  readonly message: string
}

interface EventOfWatch {
  readonly type: string
  readonly object: Partial<Warning> & { readonly involvedObject?: { readonly name?: string } }
}

interface Follower {
  readonly name: string
  /** The last one that came before it was time to tell. */
  early: Warning | undefined
  isUnusual: boolean
  tell(warning: Warning): void
}

/** A healthy pod has its container by then, and nobody asks for its events. */
const unusualMs = 3000
const retryMs = 2000

export class Warnings {
  readonly #client: ApiClient
  readonly #path: string
  readonly #kind: 'Pod' | 'Job'
  readonly #followers = new Set<Follower>()
  #stop: AbortController | undefined

  constructor(client: ApiClient, { namespace, kind }: { readonly namespace: string; readonly kind: 'Pod' | 'Job' }) {
    this.#client = client
    this.#path = `/api/v1/namespaces/${namespace}/events`
    this.#kind = kind
  }

  /**
   * Tells each warning about a pod or a Job until the signal aborts. Without the right to see events it tells nothing: a start does not
   * fail for want of it.
   */
  follow(name: string, signal: AbortSignal, tell: (warning: Warning) => void): void {
    if (signal.aborted) return
    const follower: Follower = { name, early: undefined, isUnusual: false, tell }
    this.#followers.add(follower)
    const patience = setTimeout(() => {
      follower.isUnusual = true
      if (follower.early) tell(follower.early)
      this.#open()
    }, unusualMs)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(patience)
        this.#followers.delete(follower)
        if (this.#followers.size === 0) this.#close()
      },
      { once: true },
    )
  }

  #open(): void {
    if (this.#stop) return
    this.#stop = new AbortController()
    void this.#watch(this.#stop.signal)
  }

  #close(): void {
    this.#stop?.abort()
    this.#stop = undefined
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const query = { watch: true, fieldSelector: `involvedObject.kind=${this.#kind},type=Warning` }
    while (!signal.aborted) {
      try {
        const response = await this.#client.stream(this.#path, { query, signal })
        for await (const line of createInterface({ input: response, crlfDelay: Infinity })) this.#hear(JSON.parse(line) as EventOfWatch)
        await pause(retryMs, undefined, { signal })
      } catch (error) {
        if (signal.aborted || !isPassing(error)) return
        await pause(retryMs, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  #hear({ type, object: { reason, message = '', involvedObject } }: EventOfWatch): void {
    if (type === 'ERROR' || reason === undefined) return
    for (const follower of this.#followers) {
      if (follower.name !== involvedObject?.name) continue
      if (follower.isUnusual) follower.tell({ reason, message })
      else follower.early = { reason, message }
    }
  }
}
