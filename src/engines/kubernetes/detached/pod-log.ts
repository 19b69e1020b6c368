/** A container's log, line by line, as the cluster has it. */
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import type { ApiClient } from '../api-client.ts'
import { ApiError, isMissing, isPassing } from '../api-error.ts'
import type { Pod } from '../api-types.ts'
import { containerName } from '../pod-spec.ts'

const retryMs = 500
const silentMs = 60_000

export interface LogOptions {
  readonly follow: boolean
  readonly signal: AbortSignal
}

/**
 * The lines from the first that the node still has. A stream that breaks is opened again, and the lines that were told already are left
 * out. Where the node began a new file meanwhile, all of that comes: some may have been told before, none is lost. Throws what the server
 * said last when it has not answered for a minute.
 */
export async function* podLog(client: ApiClient, pod: string, { follow, signal }: LogOptions): AsyncGenerator<string, void> {
  let first: string | undefined
  let told = 0
  let answeredAt = performance.now()
  for (;;) {
    let at = 0
    try {
      const response = await client.stream(`${pod}/log`, { query: { container: containerName, follow }, signal })
      answeredAt = performance.now()
      try {
        for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
          at++
          if (at === 1 && line !== first) {
            first = line
            told = 0
          }
          if (at <= told) continue
          told = at
          yield line
        }
      } finally {
        answeredAt = performance.now()
        response.destroy()
      }
    } catch (error) {
      signal.throwIfAborted()
      // 400: its container has not begun.
      const isEarly = follow && error instanceof ApiError && error.status === 400
      if ((!isPassing(error) && !isEarly) || performance.now() - answeredAt > silentMs) throw error
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
