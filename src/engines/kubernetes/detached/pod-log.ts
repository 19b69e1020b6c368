/** A container's log, line by line, as the cluster has it. */
import { StringDecoder } from 'node:string_decoder'
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
 *
 * A stream may end in the middle of a line, which then comes in full when it is opened again. Only what a container that has ended
 * leaves without an end twice is all that there is of it.
 */
export async function* podLog(client: ApiClient, pod: string, { follow, signal }: LogOptions): AsyncGenerator<string, void> {
  let first: string | undefined
  let told = 0
  let lastWords = ''
  let answeredAt = performance.now()
  for (;;) {
    let at = 0
    let rest = ''
    try {
      const response = await client.stream(`${pod}/log`, { query: { container: containerName, follow }, signal })
      answeredAt = performance.now()
      try {
        const decoder = new StringDecoder('utf8')
        for await (const chunk of response) {
          const lines = (rest + decoder.write(chunk as Buffer)).split('\n')
          rest = lines.pop() ?? ''
          for (const one of lines) {
            const line = one.replace(/\r$/, '')
            at++
            if (at === 1 && line !== first) {
              first = line
              told = 0
            }
            if (at <= told) continue
            told = at
            yield line
          }
        }
      } finally {
        answeredAt = performance.now()
        response.destroy()
      }
      const isOver = !follow || (await hasEnded(client, pod, signal))
      if (isOver && (!follow || rest === '' || rest === lastWords)) {
        if (rest !== '' && at >= told) yield rest
        return
      }
      lastWords = rest
    } catch (error) {
      signal.throwIfAborted()
      if (isMissing(error) && lastWords !== '') {
        yield lastWords
        return
      }
      // 400: its container has not begun.
      const isEarly = follow && error instanceof ApiError && error.status === 400
      if ((!isPassing(error) && !isEarly) || performance.now() - answeredAt > silentMs) throw error
    }
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
