/**
 * What the cluster warns of while a pod is on a node and its container is not: a sandbox that cannot be made, a volume that cannot be
 * mounted. The pod's own state says `ContainerCreating` for as long as that lasts; only its events tell why.
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
  readonly object: Partial<Warning>
}

/** A healthy pod has its container by then, and nobody asks for its events. */
const unusualMs = 3000
const retryMs = 2000

/**
 * Tells each warning about a pod or a Job until the signal aborts; never rejects. `path` is its path in the API. Without the right to see
 * events it tells nothing: a start does not fail for want of it.
 */
export async function watchWarnings(client: ApiClient, path: string, signal: AbortSignal, tell: (warning: Warning) => void): Promise<void> {
  const [, namespace = '', kinds = '', name = ''] = /\/namespaces\/([^/]+)\/(pods|jobs)\/([^/]+)$/.exec(path) ?? []
  const kind = kinds === 'jobs' ? 'Job' : 'Pod'
  const query = { watch: true, fieldSelector: `involvedObject.kind=${kind},involvedObject.name=${name},type=Warning` }
  for (let waitMs = unusualMs; ; waitMs = retryMs) {
    try {
      await pause(waitMs, undefined, { signal })
      const response = await client.stream(`/api/v1/namespaces/${namespace}/events`, { query, signal })
      for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
        const { type, object } = JSON.parse(line) as EventOfWatch
        if (type !== 'ERROR' && object.reason !== undefined) tell({ reason: object.reason, message: object.message ?? '' })
      }
    } catch (error) {
      if (signal.aborted || !isPassing(error)) return
    }
  }
}
