/** Finds and removes what supervisors left behind that were killed together with their engine's daemon or host. */
import { isAbandoned } from '../origin.ts'
import { ApiError } from './api-error.ts'
import type { ApiListed } from './api-types.ts'
import { keptPrefix } from './container-spec.ts'
import type { DockerClient } from './docker-client.ts'
import { label, originPrefix } from './labels.ts'

/** True for a container that stays until somebody removes it by hand. */
export function isKept({ Names }: ApiListed): boolean {
  return Names.some((name) => name.startsWith(`/${keptPrefix}`))
}

/** Removes abandoned containers; answers how many of them were workers. */
export async function sweep(client: DockerClient, { kept = false }: { readonly kept?: boolean } = {}): Promise<number> {
  const filters = JSON.stringify({ label: [label.owner] })
  const listed = await client.call<ApiListed[]>('GET', '/containers/json', { query: { all: true, filters } })
  let workers = 0
  for (const one of listed) {
    const { Id, Labels } = one
    if ((isKept(one) && !kept) || !(await isAbandoned(Labels, originPrefix))) continue
    try {
      await client.call('DELETE', `/containers/${Id}`, { query: { force: true, v: true } })
      if (Labels[label.worker] !== undefined) workers++
    } catch (error) {
      // Gone already, or another sweep is at it.
      if (!(error instanceof ApiError && (error.status === 404 || error.status === 409))) throw error
    }
  }
  return workers
}

/** Removes the volumes that code was delivered in and that no container uses. Answers how many went. */
export async function pruneVolumes(client: DockerClient): Promise<number> {
  const filters = JSON.stringify({ label: [label.content] })
  const { Volumes } = await client.call<{ Volumes: readonly { Name: string }[] | null }>('GET', '/volumes', { query: { filters } })
  let removed = 0
  for (const { Name } of Volumes ?? []) {
    try {
      await client.call('DELETE', `/volumes/${Name}`)
      removed++
    } catch (error) {
      if (!(error instanceof ApiError && (error.status === 404 || error.status === 409))) throw error
    }
  }
  return removed
}
