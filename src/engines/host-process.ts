/** A process of this host, told apart from every later one of the same number: the owner of workers and private folders. */
import { readFileSync, readlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

/** Of a process's file: it is not there, or it went while it was read. */
const GONE = new Set(['ENOENT', 'ESRCH'])

/** A supervisor's process. Where there is no /proc, `start` and `space` are `0`. */
export interface Home {
  readonly pid: number
  readonly start: string
  readonly space: string
}

export function ownHome(): Home {
  if (process.platform !== 'linux') return { pid: process.pid, start: '0', space: '0' }
  return { pid: process.pid, start: startOf(readFileSync('/proc/self/stat', 'latin1')), space: ownSpace() }
}

/** When the kernel started a process; `0` where that cannot be known now. */
export function processStart(pid: number): string {
  try {
    return startOf(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return '0'
  }
}

/** The kernel's words for one boot of this host; empty where it has none. */
export function bootId(): string {
  if (process.platform !== 'linux') return ''
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
}

/**
 * Whether that process still runs. `unknown`: its id belongs to another namespace, it is hidden from this user, or it cannot be looked
 * at now, as for want of descriptors. What belongs to it may only go when it is known to be gone.
 */
export async function isLiving(home: Home): Promise<boolean | 'unknown'> {
  if (process.platform !== 'linux') return exists(home.pid)
  if (home.space !== ownSpace()) return 'unknown'
  try {
    const stat = await readFile(`/proc/${home.pid}/stat`, 'latin1')
    return startOf(stat) === home.start && !isZombie(stat)
  } catch (error) {
    return GONE.has((error as NodeJS.ErrnoException).code ?? '') && !exists(home.pid) ? false : 'unknown'
  }
}

export function homeText({ pid, start, space }: Home): string {
  return `${pid}-${start}-${space}`
}

export function parseHome(text: string): Home | undefined {
  const match = /^(\d+)-(\d+)-(\d+)$/.exec(text)
  return match ? { pid: Number(match[1]), start: match[2]!, space: match[3]! } : undefined
}

export function isZombie(stat: string): boolean {
  return /^[ZX]/.test(afterName(stat))
}

function ownSpace(): string {
  return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0'
}

/** In clock ticks since the boot: the 22nd field. */
function startOf(stat: string): string {
  return afterName(stat).split(' ')[19] ?? '0'
}

/** What follows `PID (NAME) `; the name may hold spaces and brackets. */
export function afterName(stat: string): string {
  return stat.slice(stat.lastIndexOf(')') + 2)
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
