import type { Resources } from '../../core/engine.ts'

const PASSED_ON = new Set(['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'USER', 'SHELL'])
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const MIB = 2 ** 20
/** Node does not reach its first line with less. */
const MIN_HEAP_MIB = 16

export type Environment = Readonly<Record<string, string | undefined>>

/** What a worker sees of the host's environment. Variables that the user passed come on the channel. */
export function workerEnvironment(host: Environment): Record<string, string> {
  const picked: Record<string, string> = { PATH: DEFAULT_PATH }
  for (const [name, value] of Object.entries(host)) {
    if (value !== undefined && (PASSED_ON.has(name) || name.startsWith('LC_'))) picked[name] = value
  }
  return picked
}

/** The limit holds for the JavaScript heap alone: best effort. */
export function nodeFlags({ memoryLimit }: Resources): string[] {
  return memoryLimit === undefined ? [] : [`--max-old-space-size=${heapMiB(memoryLimit)}`]
}

export function heapMiB(memoryLimit: number): number {
  return Math.max(MIN_HEAP_MIB, Math.floor(memoryLimit / MIB))
}
