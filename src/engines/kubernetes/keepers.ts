/**
 * The owners of pods that may be kept after their worker has failed.
 *
 * 1. A pod that may be kept has two owners: the anchor, and a Job of its own name, its keeper. The cluster removes it when both are gone.
 * 2. The keeper rests and belongs to the anchor, so by itself it changes nothing.
 * 3. To keep the pod, the keeper is let go from the anchor and given a deadline. The pod itself is not changed: that would take one
 *    more right.
 */
import type { WorkerSpec } from '../../core/engine.ts'
import type { ApiClient } from './api-client.ts'
import { isMissing } from './api-error.ts'
import type { Job, Listed, Metadata } from './api-types.ts'
import { createJob } from './create-job.ts'
import { idleJob } from './idle-job.ts'
import { label, ownerAnnotations } from './labels.ts'
import type { KubernetesSettings } from './settings.ts'

/** How long a kept pod stays that nobody removes. */
const keptSeconds = 24 * 60 * 60

export class Keepers {
  readonly #client: ApiClient
  readonly #jobs: string
  readonly #settings: KubernetesSettings

  /** The settings are those of the pods. */
  constructor(client: ApiClient, namespace: string, settings: KubernetesSettings = {}) {
    this.#client = client
    this.#settings = settings
    this.#jobs = `/apis/batch/v1/namespaces/${namespace}/jobs`
  }

  /** Makes the one of a pod that is about to be created. */
  async make({ id, owner, name }: WorkerSpec, pod: string, anchor: Metadata): Promise<Metadata> {
    const body = idleJob({
      metadata: {
        name: pod,
        labels: { 'app.kubernetes.io/managed-by': 'cowait', [label.owner]: owner, [label.worker]: id, [label.name]: name },
        annotations: ownerAnnotations(),
        ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: anchor.name, uid: anchor.uid }],
      },
      settings: this.#settings,
    })
    const labelSelector = `${label.owner}=${owner},${label.worker}=${id}`
    return await createJob(this.#client, this.#jobs, { body, labelSelector, isOurs: ({ metadata }) => metadata.name === pod })
  }

  /** From now on the pod outlives its supervisor. */
  async keep(pod: string): Promise<void> {
    await this.#client.call('PATCH', `${this.#jobs}/${pod}`, {
      body: {
        metadata: { ownerReferences: null, labels: { [label.kept]: 'true' } },
        spec: { suspend: false, activeDeadlineSeconds: keptSeconds },
      },
      contentType: 'application/merge-patch+json',
    })
  }

  /** Idempotent. What the pod's other owner keeps, stays. */
  async remove(pod: string): Promise<void> {
    try {
      await this.#client.call('DELETE', `${this.#jobs}/${pod}`, { query: { propagationPolicy: 'Background' } })
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }

  /** The names of pods that were kept; `labels` narrow it down. */
  async kept(labels: readonly string[]): Promise<ReadonlySet<string>> {
    const query = { labelSelector: [label.kept, ...labels].join(',') }
    const { items } = await this.#client.call<Listed<Job>>('GET', this.#jobs, { query })
    return new Set(items.map(({ metadata }) => metadata.name))
  }
}

/** Whether a pod has a keeper. Its other owner may be gone: then the cluster has taken that off it. */
export function mayBeKept({ name, ownerReferences = [] }: Metadata): boolean {
  return ownerReferences.some((owner) => owner.name === name)
}
