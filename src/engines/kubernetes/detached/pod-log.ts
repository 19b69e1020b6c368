/** A container's log, line by line, as the cluster has it. */
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import type { ApiClient } from '../api-client.ts'
import { isMissing, isPassing } from '../api-error.ts'
import type { Pod } from '../api-types.ts'
import { containerName } from '../pod-spec.ts'

const retryMs = 500

export interface LogOptions {
  readonly follow: boolean
  readonly signal: AbortSignal
}

/**
 * The lines from the first that the node still has. A stream that breaks is opened again from there, and the lines that were told
 * already are left out; where the node began a new file meanwhile, the next one that is there comes next.
 */
export async function* podLog(client: ApiClient, pod: string, { follow, signal }: LogOptions): AsyncGenerator<string, void> {
  for (let told = 0; ;) {
    let at = 0
    try {
      const response = await client.stream(`${pod}/log`, { query: { container: containerName, follow }, signal })
      try {
        for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
          at++
          if (at <= told) continue
          told = at
          yield line
        }
      } finally {
        response.destroy()
      }
    } catch (error) {
      signal.throwIfAborted()
      // 400: its container has not begun.
      const isEarly = !isMissing(error) && 'status' in (error as object) && (error as { status: number }).status === 400
      if (!isPassing(error) && !(follow && isEarly)) throw error
      await pause(retryMs, undefined, { signal })
      continue
    }
    if (!follow || (await hasEnded(client, pod, signal))) return
    await pause(retryMs, undefined, { signal })
  }
}

async function hasEnded(client: ApiClient, pod: string, signal: AbortSignal): Promise<boolean> {
  try {
    const { status } = await client.call<Pod>('GET', pod, { signal })
    return status?.phase === 'Succeeded' || status?.phase === 'Failed'
  } catch (error) {
    if (isMissing(error)) return true
    throw error
  }
}
