import type { WorkerUsage } from '../../core/engine.ts'
import type { DockerClient } from './docker-client.ts'

interface ApiStats {
  readonly cpu_stats: { readonly cpu_usage?: { readonly total_usage?: number } }
  readonly memory_stats: {
    readonly usage?: number
    readonly max_usage?: number
    readonly stats?: { readonly inactive_file?: number; readonly total_inactive_file?: number }
  }
}

export function readStats(client: DockerClient, containerId: string): Promise<ApiStats> {
  return client.call<ApiStats>('GET', `/containers/${containerId}/stats`, {
    query: { stream: false, 'one-shot': true },
    signal: AbortSignal.timeout(5000),
  })
}

export async function readUsage(client: DockerClient, containerId: string): Promise<WorkerUsage> {
  const { cpu_stats: cpu, memory_stats: memory } = await readStats(client, containerId)
  // What the kernel would drop at once counts for nothing, as "docker stats" has it.
  const cached = memory.stats?.inactive_file ?? memory.stats?.total_inactive_file ?? 0
  return { cpuSeconds: (cpu.cpu_usage?.total_usage ?? 0) / 1e9, memoryBytes: Math.max(0, (memory.usage ?? 0) - cached) }
}
