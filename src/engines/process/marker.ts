/**
 * The mark that every worker carries in its environment and hands down to its subprocesses, so that they are found wherever they
 * went: `COWAIT_WORKER=PID-START-SPACE.OWNER.WORKER.CREATED.NAME`. PID, START and SPACE are the supervisor's process: its id, when
 * the kernel started it, and the namespace in which that id means something.
 */
import { readFileSync, readlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { WorkerInfo } from '../../core/engine.ts'

export const MARK_VARIABLE = 'COWAIT_WORKER'

/** A supervisor's process. Where there is no /proc, `start` and `space` are `0`. */
export interface Home {
  readonly pid: number
  readonly start: string
  readonly space: string
}

export interface Mark extends WorkerInfo {
  readonly home: Home
}

export function ownHome(): Home {
  if (process.platform !== 'linux') return { pid: process.pid, start: '0', space: '0' }
  return { pid: process.pid, start: startOf(readFileSync('/proc/self/stat', 'latin1')), space: ownSpace() }
}

/** The kernel's words for one boot of this host; empty where it has none. */
export function bootId(): string {
  if (process.platform !== 'linux') return ''
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
}

/** Whether that process still runs. `unknown`: its id belongs to another namespace. */
export async function isLiving(home: Home): Promise<boolean | 'unknown'> {
  if (process.platform !== 'linux') return exists(home.pid)
  if (home.space !== ownSpace()) return 'unknown'
  const stat = await readFile(`/proc/${home.pid}/stat`, 'latin1').catch(() => '')
  return stat !== '' && startOf(stat) === home.start && !isZombie(stat)
}

/** What all workers of a supervisor have in their environment. */
export function ownerMark(home: Home, owner: string): string {
  return `${MARK_VARIABLE}=${homeText(home)}.${field(owner)}.`
}

/** What one worker and its subprocesses have in their environment. */
export function workerMark(home: Home, owner: string, id: string): string {
  return `${ownerMark(home, owner)}${field(id)}.`
}

export function markValue({ home, owner, id, createdAt, name }: Mark): string {
  return `${homeText(home)}.${field(owner)}.${field(id)}.${createdAt}.${field(name)}`
}

/** The mark in an environment as the kernel shows it: `NAME=value` ended by NUL. */
export function findMark(environment: string): Mark | undefined {
  const start = `\0${environment}`.indexOf(`\0${MARK_VARIABLE}=`)
  if (start < 0) return undefined
  const end = environment.indexOf('\0', start)
  return parseMark(environment.slice(start + MARK_VARIABLE.length + 1, end < 0 ? undefined : end))
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

function parseMark(value: string): Mark | undefined {
  const [homeField = '', owner, id, createdAt, name] = value.split('.')
  const home = parseHome(homeField)
  if (!home || owner === undefined || id === undefined || createdAt === undefined || name === undefined) return undefined
  try {
    return {
      home,
      owner: decodeURIComponent(owner),
      id: decodeURIComponent(id),
      createdAt: Number(createdAt),
      name: decodeURIComponent(name),
    }
  } catch {
    return undefined
  }
}

function field(text: string): string {
  return encodeURIComponent(text).replaceAll('.', '%2E')
}

function ownSpace(): string {
  return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0'
}

/** In clock ticks since the boot: the 22nd field. */
function startOf(stat: string): string {
  return afterName(stat).split(' ')[19] ?? '0'
}

/** What follows `PID (NAME) `; the name may hold spaces and brackets. */
function afterName(stat: string): string {
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
