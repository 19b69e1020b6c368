/** Finds and removes what supervisors of this host left behind, sooner than the cluster itself does it. */
import { isAbandoned } from '../origin.ts'
import type { ApiClient } from './api-client.ts'
import { isMissing } from './api-error.ts'
import type { Job, Listed, Pod } from './api-types.ts'
import { label, originPrefix } from './labels.ts'

/** Removes abandoned Jobs and pods; answers how many of them were workers. What was kept only when it is meant. */
export async function sweep(client: ApiClient, namespace: string, wantsKept: boolean): Promise<number> {
  const jobs = `/apis/batch/v1/namespaces/${namespace}/jobs`
  const pods = `/api/v1/namespaces/${namespace}/pods`
  const query = { labelSelector: label.owner }
  let workers = 0
  const { items: listed } = await client.call<Listed<Pod>>('GET', pods, { query })
  const { items: owners } = await client.call<Listed<Job>>('GET', jobs, { query })
  const kept = new Set(owners.filter(({ metadata }) => metadata.labels?.[label.kept]).map(({ metadata }) => metadata.name))
  for (const { metadata } of listed) {
    if (kept.has(metadata.name) && !wantsKept) continue
    if (!(await isAbandoned(metadata.annotations ?? {}, originPrefix))) continue
    if (await remove(client, `${pods}/${metadata.name}`, { gracePeriodSeconds: 0 })) workers++
  }
  for (const { metadata } of owners) {
    if (kept.has(metadata.name) && !wantsKept) continue
    if (await isAbandoned(metadata.annotations ?? {}, originPrefix))
      await remove(client, `${jobs}/${metadata.name}`, { propagationPolicy: 'Background' })
  }
  return workers
}

/** False when it was gone already. */
async function remove(client: ApiClient, path: string, query: Readonly<Record<string, string | number>>): Promise<boolean> {
  try {
    await client.call('DELETE', path, { query })
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}
