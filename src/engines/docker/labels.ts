/** How our containers, networks and volumes are known from outside. Never anything secret: everyone with the engine can read them. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { bootId, homeText, ownHome } from '../host-process.ts'

export const label = {
  owner: 'cowait.owner',
  worker: 'cowait.worker',
  name: 'cowait.name',
  image: 'cowait.image',
  /** Set instead of `worker` on a container that only carries files: what it is for. */
  carrier: 'cowait.carrier',
  host: 'cowait.host',
  user: 'cowait.user',
  boot: 'cowait.boot',
  /** The supervisor's process. */
  home: 'cowait.home',
  network: 'cowait.network',
  /** Of a volume: the hash of what it was filled with. */
  content: 'cowait.content',
} as const

/** A user's own tags, so that none can pass for one of ours. */
export const tagPrefix = 'cowait.tag.'

/**
 * Which machine: a process's number means something only there. Two machines cloned from one image share an id but hardly a name; a
 * machine that was renamed finds nothing of its own, which is the safe side.
 */
export function hostLabel(): string {
  let id = ''
  try {
    id = readFileSync('/etc/machine-id', 'utf8').trim()
  } catch {
    // Containers and macOS have none: the name alone must do.
  }
  return `${hostname()}-${createHash('sha256').update(`${hostname()}\n${id}`).digest('hex').slice(0, 12)}`
}

export function ownerLabels(owner: string): Record<string, string> {
  return {
    [label.owner]: owner,
    [label.host]: hostLabel(),
    [label.user]: String(process.getuid?.() ?? ''),
    [label.boot]: bootId(),
    [label.home]: homeText(ownHome()),
  }
}
