/** What a worker and its subprocesses use, as the kernel tells it; found by their mark. Linux only. */
import { readFile } from 'node:fs/promises'
import type { WorkerId, WorkerUsage } from '../../core/engine.ts'
import type { ProcessTable } from './process-table.ts'

/** How the kernel counts time in /proc, on every Linux that Node runs on. */
const TICKS_A_SECOND = 100

export async function usageOf(table: ProcessTable, ids: readonly WorkerId[]): Promise<ReadonlyMap<WorkerId, WorkerUsage>> {
  const wanted = new Set(ids)
  const used = new Map<WorkerId, WorkerUsage>()
  for (const { pid, mark } of await table.marks()) {
    if (!wanted.has(mark.id)) continue
    const more = await usageOfProcess(pid)
    const { cpuSeconds, memoryBytes } = used.get(mark.id) ?? { cpuSeconds: 0, memoryBytes: 0 }
    used.set(mark.id, { cpuSeconds: cpuSeconds + more.cpuSeconds, memoryBytes: memoryBytes + more.memoryBytes })
  }
  return used
}

/** Nothing for a process that has gone meanwhile. */
async function usageOfProcess(pid: number): Promise<WorkerUsage> {
  const read = (file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '')
  const [stat, status] = await Promise.all([read('stat'), read('status')])
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
  return { cpuSeconds: ticks / TICKS_A_SECOND, memoryBytes: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024 }
}
