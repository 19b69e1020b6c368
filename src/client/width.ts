import { availableParallelism, totalmem } from 'node:os'

const memoryPerWorker = 256 * 1024 * 1024

/** How many runs take a place at once, unless told: tasks wait more than they compute, and each costs a process's memory. */
export function defaultWidth(): number {
  const byMemory = Math.floor(totalmem() / memoryPerWorker)
  return Math.max(4, Math.min(availableParallelism() * 4, byMemory))
}
