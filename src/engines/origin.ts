/**
 * Where a supervisor runs, as it says on what it makes at an engine that other machines use too. A process's number means something on
 * its own host alone, so only there may anybody judge that it is gone. Never anything secret: everyone with the engine can read it.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { bootId, homeText, isLiving, ownHome, parseHome } from './host-process.ts'

/** The names begin with `prefix`, as labels and annotations do. `home` is the supervisor's process. */
export function ownOrigin(prefix: string): Record<string, string> {
  return {
    [`${prefix}host`]: hostLabel(),
    [`${prefix}user`]: userLabel(),
    [`${prefix}boot`]: bootId(),
    [`${prefix}home`]: homeText(ownHome()),
  }
}

/**
 * True when what says this was made on this host as this user, by a supervisor that is gone. What cannot be judged from here is left to
 * whom it belongs.
 */
export async function isAbandoned(fields: Readonly<Record<string, string>>, prefix: string): Promise<boolean> {
  const field = (name: string): string | undefined => fields[prefix + name]
  if (field('host') !== hostLabel() || field('user') !== userLabel()) return false
  const home = parseHome(field('home') ?? '')
  if (home === undefined) return false
  return field('boot') !== bootId() || (await isLiving(home)) === false
}

/**
 * Two machines cloned from one image share an id but hardly a name, and two with the name that they came with do not share an id; a
 * machine that was renamed finds nothing of its own, which is the safe side. Where there is no id, as in containers, whose name may be
 * that of a container on any other host, only the same boot is the same host.
 */
export function hostLabelOf(name: string, machineId: string, boot: string): string {
  const id = machineId === '' || machineId === 'uninitialized' ? boot : machineId
  return `${name}-${createHash('sha256').update(`${name}\n${id}`).digest('hex').slice(0, 12)}`
}

export function hostLabel(): string {
  return hostLabelOf(hostname(), machineId(), bootId())
}

/** Of Linux, as machine-id(5) says; of macOS, the address of its first network device. */
function machineId(): string {
  if (process.platform === 'darwin') return networkInterfaces()['en0']?.[0]?.mac ?? ''
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim()
  } catch {
    return ''
  }
}

function userLabel(): string {
  return String(process.getuid?.() ?? '')
}
