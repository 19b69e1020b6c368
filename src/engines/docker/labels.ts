/** How our containers, networks and volumes are known from outside. Never anything secret: everyone with the engine can read them. */
import { ownOrigin } from '../origin.ts'

export const label = {
  owner: 'cowait.owner',
  worker: 'cowait.worker',
  name: 'cowait.name',
  image: 'cowait.image',
  /** Set instead of `worker` on a container that only carries files: what it is for. */
  carrier: 'cowait.carrier',
  network: 'cowait.network',
  /** Of a volume: the hash of what it was filled with. */
  content: 'cowait.content',
} as const

/** Of the labels that say where the supervisor runs. */
export const originPrefix = 'cowait.'

/** A user's own tags, so that none can pass for one of ours. */
export const tagPrefix = 'cowait.tag.'

/** What says whose it is, and where that one runs. */
export function ownerLabels(owner: string): Record<string, string> {
  return { [label.owner]: owner, ...ownOrigin(originPrefix) }
}
