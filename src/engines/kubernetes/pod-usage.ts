/**
 * What pods use, as the kernel counts it in each: asked there, by the right that opens a shell. The cluster's metrics, where it has any,
 * would take another right, are half a minute old, and know how fast processor time goes by but not how much has.
 */
import type { WorkerUsage } from '../../core/engine.ts'
import { withTimeLimit } from '../time-limit.ts'
import type { ApiClient } from './api-client.ts'
import { ApiError } from './api-error.ts'
import { runInPod } from './run-in-pod.ts'

const atOnce = 8
/** For all of them: whoever asks waits. */
const patienceMs = 3500

const read = `cd /sys/fs/cgroup && if [ -e memory.current ]; then cat memory.current cpu.stat memory.stat
else cat memory/memory.usage_in_bytes memory/memory.stat; echo usage_nsec $(cat cpuacct/cpuacct.usage); fi`

/** By whatever names the pods; `pods` has their paths in the API. Those that do not answer in time are left out. */
export async function readUsage<Key>(client: ApiClient, pods: ReadonlyMap<Key, string>): Promise<Map<Key, WorkerUsage>> {
  const used = new Map<Key, WorkerUsage>()
  const rest = pods.entries()
  let isForbidden = false
  const readNext = async (signal: AbortSignal): Promise<void> => {
    for (const [key, pod] of rest) {
      if (signal.aborted || isForbidden) return
      try {
        const usage = parseUsage(await runInPod(client, pod, { command: ['sh', '-c', read], signal }))
        if (usage) used.set(key, usage)
      } catch (error) {
        // One that is not there yet, or no longer, is unknown; a right that is missing is missing for all.
        isForbidden ||= error instanceof ApiError && error.status === 403
      }
    }
  }
  await withTimeLimit({ ms: patienceMs, late: new Error('The time is over.') }, async (signal) => {
    await Promise.all(Array.from({ length: atOnce }, () => readNext(signal)))
  })
  return used
}

/** The first line is the memory; then there are names with numbers. */
export function parseUsage(text: string): WorkerUsage | undefined {
  const [memory = '', ...lines] = text.split('\n')
  const counts = new Map(lines.map((line) => line.split(' ') as [string, string]))
  const nanoseconds = Number(counts.get('usage_nsec') ?? Number(counts.get('usage_usec') ?? NaN) * 1000)
  const bytes = Number(memory.trim() || NaN)
  if (!Number.isFinite(nanoseconds) || !Number.isFinite(bytes)) return undefined
  // What the kernel would drop at once counts for nothing, as "kubectl top" has it.
  const cached = Number(counts.get('total_inactive_file') ?? counts.get('inactive_file') ?? 0)
  return { cpuSeconds: nanoseconds / 1e9, memoryBytes: Math.max(0, bytes - cached) }
}
