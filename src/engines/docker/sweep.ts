/** Finds and removes what supervisors left behind that were killed together with their engine's daemon or host. */
import { isAbandoned } from '../origin.ts'
import { ApiError } from './api-error.ts'
import type { ApiListed } from './api-types.ts'
import { keptPrefix } from './container-spec.ts'
import type { DockerClient } from './docker-client.ts'
import { label, originPrefix } from './labels.ts'
import { removeContainer } from './removal.ts'

/** True for a container that stays until somebody removes it by hand. */
export function isKept({ Names }: ApiListed): boolean {
  return Names.some((name) => name.startsWith(`/${keptPrefix}`))
}

/**
 * Removes abandoned containers; answers how many of them were workers. A daemon that has just come back is removing some by itself, and
 * two who do that at once may stumble. Rejects for one that cannot be removed, when the others are.
 */
export async function sweep(client: DockerClient, { kept = false }: { readonly kept?: boolean } = {}): Promise<number> {
  const filters = JSON.stringify({ label: [label.owner] })
  const listed = await client.call<ApiListed[]>('GET', '/containers/json', { query: { all: true, filters } })
  const abandoned: ApiListed[] = []
  for (const one of listed) if ((kept || !isKept(one)) && (await isAbandoned(one.Labels, originPrefix))) abandoned.push(one)
  const never = new Promise<never>(() => {})
  const removals = await Promise.allSettled(
    abandoned.map(({ Id }) => removeContainer(client, { containerId: Id, graceMs: 0, exited: never, gone: never })),
  )
  const failed = removals.find((removal) => removal.status === 'rejected')
  if (failed) throw failed.reason
  return abandoned.filter(({ Labels }) => Labels[label.worker] !== undefined).length
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
