/** That a cluster ends a pod by itself, as the pod's condition `DisruptionTarget` tells it. */
import type { Exit } from '../../core/engine.ts'
import type { Pod } from './api-types.ts'

/**
 * How a worker ends whose pod its cluster ends; undefined while it does not.
 *
 * Of a node that does not answer a pod's own state says nothing, since only its node writes that: the container "runs" for ever. After
 * 5 minutes, unless the pod tolerates it for longer, the cluster deletes the pod for the taint that such a node gets, which waits for the
 * node again; and when the node's object is removed, it fails and deletes the pod by itself.
 */
export function disruptionOf({ spec, status }: Pod): Exit | undefined {
  const target = status?.conditions?.find(({ type, status: is }) => type === 'DisruptionTarget' && is === 'True')
  if (!target && status?.reason !== 'Evicted') return undefined
  const node = spec?.nodeName === undefined ? 'its node' : `its node ${spec.nodeName}`
  const words = status?.message || target?.message || target?.reason || ''
  const said = words && `: ${words}`
  switch (target?.reason) {
    case 'DeletionByPodGC':
      return { how: 'lost', detail: `${node} is gone${said}` }
    case 'DeletionByTaintManager':
      return { how: 'removed', detail: `its pod was evicted, as ${node} does not answer or was tainted${said}` }
    default:
      return { how: 'removed', detail: `its pod was evicted${said}` }
  }
}
