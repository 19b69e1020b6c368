/** How our containers, networks and volumes are known from outside. Never anything secret: everyone with the engine can read them. */
import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { processStart } from './process-start.ts'

export const label = {
  owner: 'cowait.owner',
  worker: 'cowait.worker',
  name: 'cowait.name',
  image: 'cowait.image',
  /** Set instead of `worker` on a container that only carries files: what it is for. */
  carrier: 'cowait.carrier',
  host: 'cowait.host',
  user: 'cowait.user',
  pid: 'cowait.pid',
  started: 'cowait.started',
  network: 'cowait.network',
  /** Of a volume: the hash of what it was filled with. */
  content: 'cowait.content',
} as const

/** A user's own tags, so that none can pass for one of ours. */
export const tagPrefix = 'cowait.tag.'

/**
 * Which machine, and which view of its processes: a number of a process means something only there. Two machines cloned from one
 * image share an id but hardly a name; a machine that was renamed finds nothing of its own, which is the safe side.
 */
export function hostLabel(): string {
  const parts = [
    hostname(),
    readOrNothing(() => readFileSync('/etc/machine-id', 'utf8').trim()),
    readOrNothing(() => readlinkSync('/proc/self/ns/pid')),
  ]
  return `${hostname()}-${createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 12)}`
}

export function ownerLabels(owner: string): Record<string, string> {
  return {
    [label.owner]: owner,
    [label.host]: hostLabel(),
    [label.user]: String(process.getuid?.() ?? ''),
    [label.pid]: String(process.pid),
    [label.started]: processStart(process.pid) ?? '',
  }
}

function readOrNothing(read: () => string): string {
  try {
    return read()
  } catch {
    return ''
  }
}
