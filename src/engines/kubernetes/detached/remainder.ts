/** What is left of a detached tree whose Job is deleted: the cluster forgets that at once, and ends and removes what it owned later. */
import { setTimeout as pause } from 'node:timers/promises'
import type { ApiClient } from '../api-client.ts'
import type { Job, Listed, Metadata, Pod } from '../api-types.ts'
import { label } from '../labels.ts'
import { detachedLabel } from './supervisor-job.ts'

export interface RemainderOptions {
  readonly client: ApiClient
  /** Paths in the API. */
  readonly pods: string
  readonly jobs: string
  /** Ends the waiting. */
  readonly signal: AbortSignal
}

const lookMs = 500

export class Remainder {
  readonly #options: RemainderOptions
  /** The labels of its Job, of its pod, and of what its supervisor has made. */
  readonly #selectors: readonly string[]

  private constructor(options: RemainderOptions, selectors: readonly string[]) {
    this.#options = options
    this.#selectors = selectors
  }

  /** Looked up while its Job is there, which alone says whose the others are. */
  static async of(run: string, options: RemainderOptions): Promise<Remainder> {
    const { client, jobs } = options
    const list = async (labelSelector: string): Promise<readonly Metadata[]> => {
      const { items } = await client.call<Listed<Job>>('GET', jobs, { query: { labelSelector } })
      return items.map(({ metadata }) => metadata)
    }
    const own = `${detachedLabel}=${run}`
    const [ours, made] = await Promise.all([list(own), list(label.owner)])
    const uids = new Set(ours.map(({ uid }) => uid))
    const theirs = made.filter(({ ownerReferences = [] }) => ownerReferences.some(({ uid }) => uid !== undefined && uids.has(uid)))
    const owners = new Set(theirs.map(({ labels = {} }) => `${label.owner}=${labels[label.owner]}`))
    return new Remainder(options, [own, ...owners])
  }

  /** False when the signal aborted before. */
  async gone(): Promise<boolean> {
    const { signal } = this.#options
    try {
      while (await this.#isLeft()) await pause(lookMs, undefined, { signal })
      return true
    } catch (error) {
      if (signal.aborted) return false
      throw error
    }
  }

  async #isLeft(): Promise<boolean> {
    const { client, pods, jobs, signal } = this.#options
    const lists = this.#selectors.flatMap((labelSelector) =>
      [pods, jobs].map((path) => client.call<Listed<Pod>>('GET', path, { query: { labelSelector }, signal })),
    )
    return (await Promise.all(lists)).some(({ items }) => items.length > 0)
  }
}
