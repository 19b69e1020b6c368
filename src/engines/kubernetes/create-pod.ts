/** Asks the cluster for a pod, with the patience that the bookkeeping of its quotas needs. */
import { setTimeout as pause } from 'node:timers/promises'
import type { ApiClient } from './api-client.ts'
import { ApiError, isTaken } from './api-error.ts'
import type { Pod } from './api-types.ts'

export interface PodCreation {
  readonly client: ApiClient
  /** The pods' path in the API. */
  readonly pods: string
  readonly body: object
  /** When a pod of ours ended or was removed last, of `performance.now()`; `-Infinity` where none has. */
  readonly leftAt: () => number
}

/** For how long several may get in each other's way. */
const conflictMs = 10_000
/** So far behind a quota's count of pods may be; 5 s are common. */
const countedMs = 10_000
/** So long a worker may take to leave whose place another has already. */
const leavingMs = 2000
const retryMs = 150

/** Rejects with what the server says when it refuses. The name is ours alone: where it is taken, an earlier try has made it. */
export async function createPod({ client, pods, body, leftAt }: PodCreation, signal: AbortSignal): Promise<void> {
  const from = performance.now()
  for (;;) {
    try {
      // Not to be given up half-way: a pod that the cluster makes after that would belong to nobody.
      await client.call<Pod>('POST', pods, { body, query: { fieldManager: 'cowait' } })
      return
    } catch (error) {
      if (isTaken(error)) return
      if (!(error instanceof ApiError)) throw error
      const until = isConflict(error) ? from + conflictMs : isFull(error) ? Math.max(from + leavingMs, leftAt() + countedMs) : -Infinity
      if (performance.now() > until) throw error
    }
    await pause(retryMs * (1 + Math.random()), undefined, { signal })
  }
}

/** Two were counted at once: "Operation cannot be fulfilled on resourcequotas". */
function isConflict({ status, reason }: ApiError): boolean {
  return status === 409 && reason === 'Conflict'
}

function isFull({ status, message }: ApiError): boolean {
  return status === 403 && /exceeded quota/i.test(message)
}
