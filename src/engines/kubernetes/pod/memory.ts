/** What the kernel says of this pod's memory, in the words of both versions of its control groups. */
import { readFileSync } from 'node:fs'

export interface Memory {
  /** How many processes were killed for want of it. */
  readonly kills: number
  readonly peakBytes?: number
  readonly limitBytes?: number
}

export function readMemory(): Memory {
  const kills = /^oom_kill (\d+)$/m.exec(read('memory.events') ?? read('memory/memory.oom_control') ?? '')?.[1]
  const peak = numberOf(read('memory.peak') ?? read('memory/memory.max_usage_in_bytes'))
  const limit = numberOf(read('memory.max') ?? read('memory/memory.limit_in_bytes'))
  return {
    kills: Number(kills ?? 0),
    ...(peak !== undefined && { peakBytes: peak }),
    // Without a limit the number is close to 2^63.
    ...(limit !== undefined && limit < 2 ** 60 && { limitBytes: limit }),
  }
}

function read(name: string): string | undefined {
  try {
    return readFileSync(`/sys/fs/cgroup/${name}`, 'utf8')
  } catch {
    return undefined
  }
}

function numberOf(text: string | undefined): number | undefined {
  const number = Number(text?.trim() || NaN)
  return Number.isFinite(number) ? number : undefined
}
