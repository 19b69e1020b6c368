/**
 * The mark that every worker carries in its environment and hands down to its subprocesses, so that they are found wherever they
 * went: `COWAIT_WORKER=PID-START-SPACE.OWNER.WORKER.CREATED.NAME`. PID, START and SPACE are the supervisor's process: its id, when
 * the kernel started it, and the namespace in which that id means something.
 */
import type { WorkerInfo } from '../../core/engine.ts'
import { homeText, parseHome, type Home } from '../host-process.ts'

export const MARK_VARIABLE = 'COWAIT_WORKER'

export interface Mark extends WorkerInfo {
  readonly home: Home
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
