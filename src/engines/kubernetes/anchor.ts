/**
 * The object that owns all pods of one supervisor, and that the cluster itself removes when the supervisor is gone.
 *
 * It is a Job that never has a pod (`parallelism: 0`). Its deadline is a lease: the supervisor moves it on for as long as it lives. When
 * nobody does, the cluster ends the Job, removes it at once (`ttlSecondsAfterFinished: 0`), and with it what it owns. So nothing of
 * ours has to be alive for that, neither here nor in the cluster, and no worker needs a right.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { ApiClient } from './api-client.ts'
import { ApiError, isMissing, retryAfterMs } from './api-error.ts'
import type { Job, Metadata } from './api-types.ts'
import { idleJob } from './idle-job.ts'
import { label, ownerAnnotations } from './labels.ts'
import type { Refusals } from './refusals.ts'
import type { KubernetesSettings } from './settings.ts'
import { stopwatch } from './stopwatch.ts'

/** From a missed renewal to the end; a killed supervisor's pods are gone within 15 s. */
export const shortLeaseSeconds = 8
/**
 * Where pods do not need the API server, they go on without it for so long. When their supervisor is gone they end by themselves, and the
 * lease only clears away what has ended, or had not begun.
 */
export const longLeaseSeconds = 60
const renewMs = 2000
/** For the API server to answer one renewal; then another is tried. */
const renewalMs = 3000
const retryMs = 250
const longestRetryMs = 2000

export interface AnchorOptions {
  readonly namespace: string
  readonly owner: string
  /** The one that the supervisor itself runs in, if it does. */
  readonly job?: Pick<Metadata, 'name' | 'uid'> | undefined
  readonly refusals: Refusals
  readonly leaseSeconds?: number
  /** Those of the pods. */
  readonly settings?: KubernetesSettings
}

export class Anchor {
  readonly #client: ApiClient
  readonly #jobs: string
  readonly #owner: string
  readonly #above: Pick<Metadata, 'name' | 'uid'> | undefined
  readonly #refusals: Refusals
  readonly #leaseSeconds: number
  readonly #settings: KubernetesSettings
  readonly #stop = new AbortController()
  /** Since the last renewal, which went well; and why the one after it did not. */
  #sinceRenewed: () => number = () => 0
  #problem: unknown
  #job: Promise<Metadata> | undefined

  constructor(client: ApiClient, { namespace, owner, job, refusals, leaseSeconds = shortLeaseSeconds, settings = {} }: AnchorOptions) {
    this.#client = client
    this.#jobs = `/apis/batch/v1/namespaces/${namespace}/jobs`
    this.#owner = owner
    this.#above = job
    this.#refusals = refusals
    this.#leaseSeconds = leaseSeconds
    this.#settings = settings
  }

  /** Makes it at the first call. */
  async ensure(): Promise<Metadata> {
    const job = (this.#job ??= this.#create())
    job.catch(() => {
      if (this.#job === job) this.#job = undefined
    })
    return await job
  }

  /** Why the cluster takes the pods away, where that is for a lease that could not be renewed. */
  get missed(): unknown {
    return this.#sinceRenewed() > this.#leaseSeconds * 1000 ? this.#problem : undefined
  }

  /** Removes it, and thereby what it still owns. */
  async close(): Promise<void> {
    this.#stop.abort()
    const job = await this.#job?.catch(() => undefined)
    if (!job) return
    await this.#client
      .call('DELETE', `${this.#jobs}/${job.name}`, { query: { propagationPolicy: 'Background' }, patienceMs: 3000 })
      .catch((error: unknown) => {
        if (!isMissing(error)) throw error
      })
  }

  async #create(): Promise<Metadata> {
    const elapsedMs = stopwatch()
    const labels = { 'app.kubernetes.io/managed-by': 'cowait', [label.owner]: this.#owner }
    const above = this.#above && { ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', ...this.#above }] }
    const metadataOfIt = { generateName: `cowait-${this.#owner}-`, labels, annotations: ownerAnnotations(), ...above }
    const body = idleJob({ metadata: metadataOfIt, settings: this.#settings, activeDeadlineSeconds: this.#leaseSeconds })
    const { metadata } = await this.#client.call<Job>('POST', this.#jobs, { body, query: { fieldManager: 'cowait' } })
    this.#sinceRenewed = elapsedMs
    this.#problem = undefined
    void this.#renew(metadata, elapsedMs)
    return metadata
  }

  async #renew({ name, uid }: Metadata, elapsedMs: () => number): Promise<void> {
    const { signal } = this.#stop
    // The first at once: a right that is missing for it is told before there is anything to lose.
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      if (!isFirst) await pause(renewMs, undefined, { signal, ref: false }).catch(() => undefined)
      for (let waitMs = retryMs; ; waitMs = Math.min(waitMs * 2, longestRetryMs)) {
        if (signal.aborted) return
        const sinceAsked = stopwatch()
        try {
          const activeDeadlineSeconds = Math.ceil(elapsedMs() / 1000) + this.#leaseSeconds
          await this.#client.call('PATCH', `${this.#jobs}/${name}`, {
            body: { metadata: { uid }, spec: { activeDeadlineSeconds } },
            contentType: 'application/merge-patch+json',
            patienceMs: 0,
            silenceMs: renewalMs,
            isUrgent: true,
            signal,
          })
          this.#sinceRenewed = sinceAsked
          this.#problem = undefined
          this.#refusals.hear('lease', undefined)
          break
        } catch (error) {
          if (signal.aborted) return
          if (isGone(error)) {
            // The next start makes one anew, and what this one owned goes.
            this.#job = undefined
            return
          }
          this.#problem = error
          this.#refusals.hear('lease', error)
          // A login that failed or a proxy's answer says nothing of the Job. The lease does not wait for long.
          const nextMs = Math.max(waitMs, Math.min(retryAfterMs(error), longestRetryMs))
          await pause(nextMs, undefined, { signal, ref: false }).catch(() => undefined)
        }
      }
    }
  }
}

/** In the API server's own words, which a proxy before it does not have: there is no such Job, or another of its name. */
function isGone(error: unknown): boolean {
  if (isMissing(error)) return (error as ApiError).reason === 'NotFound'
  // The uid of an object cannot be changed: 422 from a PATCH, 409 from a precondition.
  return error instanceof ApiError && (error.status === 409 || error.status === 422) && /\buid\b/i.test(error.message)
}
