import { text } from 'node:stream/consumers'
import type { ApiClient } from './api-client.ts'
import { ExecStream } from './exec-stream.ts'

interface RunOptions {
  readonly command: readonly string[]
  /** Ends it; what it printed by then is the answer. */
  readonly signal: AbortSignal
}

/** Runs a short program in a pod (`pod` is its path in the API); answers what it printed. Rejects when the cluster refuses. */
export async function runInPod(client: ApiClient, pod: string, { command, signal }: RunOptions): Promise<string> {
  const stream = await ExecStream.open(client, pod, { command, protocol: 'v4', input: 'none', signal })
  try {
    return await text(stream.channel)
  } finally {
    stream.destroy()
  }
}
