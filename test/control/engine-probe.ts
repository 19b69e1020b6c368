/** What an engine holds of a supervisor, seen from outside: by its own tools, never through cowait. */
import { execFileSync } from 'node:child_process'
import { kubectl } from '../engines/kubernetes/namespace.ts'
import { DockerWay } from './docker-way.ts'
import type { EngineName } from './matrix.ts'

export interface EngineProbe {
  /** All that carries the label of one of these supervisors. */
  left(owners: readonly string[]): Promise<string[]>
  /** As somebody does who knows nothing of cowait. */
  remove(worker: string): Promise<void>
  /** For one cell: a way to the engine on which the channel of a worker can be cut. */
  way?(folder: string): Promise<EngineWay>
  /** How long nothing may be left after a death. */
  readonly goneMs: number
  /** More than a tree needs to stand, on a busy machine. */
  readonly standing: string
}

export interface EngineWay extends AsyncDisposable {
  /** By which a supervisor takes it. */
  readonly env: Readonly<Record<string, string>>
  cut(worker: string): void
}

const docker: EngineProbe = {
  left: (owners) => Promise.resolve(owners.flatMap(containersOf)),
  remove: (worker) => {
    execFileSync('docker', ['rm', '-f', containerOf(worker)], { stdio: 'ignore' })
    return Promise.resolve()
  },
  async way(folder) {
    const way = await DockerWay.open(folder)
    return {
      env: { DOCKER_HOST: way.host },
      cut: (worker) => way.cut(containerOf(worker)),
      [Symbol.asyncDispose]: () => way[Symbol.asyncDispose](),
    }
  },
  goneMs: 10_000,
  standing: '25s',
}

const kinds = 'pods,jobs,configmaps,secrets'

const kubernetes: EngineProbe = {
  async left(owners) {
    if (owners.length === 0) return []
    const selector = `cowait.owner in (${owners.join(',')})`
    const names = await kubectl('get', kinds, '--all-namespaces', '--selector', selector, '--output', 'name')
    return names.split('\n').filter((name) => name !== '')
  },
  async remove(worker) {
    await kubectl('delete', 'pods', '--all-namespaces', '--selector', `cowait.worker=${worker}`, '--wait=false')
  },
  // The cluster itself removes what a killed supervisor left, when the lease has run out.
  goneMs: 15_000,
  standing: '60s',
}

export const probes: Readonly<Record<EngineName, EngineProbe>> = {
  process: {
    left: () => Promise.resolve([]),
    remove: () => Promise.reject(new Error('a process is killed, not removed')),
    goneMs: 10_000,
    standing: '6s',
  },
  docker,
  kubernetes,
}

function containerOf(worker: string): string {
  return idsOf(['ps'], `cowait.worker=${worker}`)[0] ?? ''
}

function containersOf(owner: string): string[] {
  return idsOf(['ps', '-a'], `cowait.owner=${owner}`).map((id) => `container ${id}`)
}

function idsOf(list: readonly string[], label: string): string[] {
  return lines(['docker', ...list, '-q', '--filter', `label=${label}`])
}

/** The networks that runs share, when no container is in them, and volumes that nothing uses. */
export function unusedByDocker(): string[] {
  const networks = lines(['docker', 'network', 'ls', '-q', '--filter', 'label=cowait.network'])
  const unused = networks.filter((id) => lines(['docker', 'ps', '-aq', '--filter', `network=${id}`]).length === 0)
  const volumes = lines(['docker', 'volume', 'ls', '-q', '--filter', 'dangling=true'])
  return [...unused.map((id) => `network ${id}`), ...volumes.map((name) => `volume ${name}`)]
}

/** False for a network in which the daemon itself takes somebody for connected who is not (moby/moby#42119): nobody can remove that. */
export function canBeRemoved(left: string): boolean {
  const [kind = '', id = ''] = left.split(' ')
  try {
    execFileSync('docker', [kind, 'rm', id], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function lines([command = '', ...args]: readonly string[]): string[] {
  return execFileSync(command, args, { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '')
}
