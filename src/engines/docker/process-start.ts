import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** When a process of this machine started, as a text that no later process of the same number shares; undefined when it is gone. */
export function processStart(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux')
      return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // After the name, which may hold anything, in brackets: the state is the first field, the start in ticks the twentieth.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // A zombie holds no container any more.
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${fields[19]}`
  } catch {
    return undefined
  }
}
