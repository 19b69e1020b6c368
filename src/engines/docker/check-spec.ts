/** What is known to be impossible before the engine is asked to start anything. */
import { posix } from 'node:path'
import type { WorkerSpec } from '../../core/engine.ts'
import { EngineError, UsageError } from '../../core/errors.ts'
import type { ApiInfo } from './api-types.ts'
import { checkImageName, parseWorkerSettings, type DockerWorkerSettings } from './docker-settings.ts'

const leastMemory = 6 << 20
const ownFolders = ['/cowait', '/proc', '/sys', '/dev']

/** Throws a `UsageError` that names the option. Answers the worker's settings, over those of the engine. */
export function checkSpec(spec: Omit<WorkerSpec, 'id' | 'owner' | 'code'>, engine: DockerWorkerSettings): DockerWorkerSettings {
  const own = parseWorkerSettings(spec.settings)
  const wrongImage = spec.image === undefined ? undefined : checkImageName(spec.image)
  if (wrongImage !== undefined)
    throw new UsageError(`The image of ${spec.name} is ${JSON.stringify(spec.image)}, but must be ${wrongImage}.`)
  if (own.workdir !== undefined && own.workdir !== engine.workdir) {
    throw new UsageError(`workdir of ${spec.name} is ${JSON.stringify(own.workdir)}, but it can only be set for the whole engine.`)
  }
  const settings = { ...engine, ...own }
  checkMounts(spec)
  checkPorts(spec, settings)
  const { memoryLimit, gpu } = spec.resources
  if (memoryLimit !== undefined && memoryLimit < leastMemory) {
    throw new UsageError(`The memory of ${spec.name} is ${memoryLimit} bytes, but a container needs at least 6 MiB (and Node about 64).`)
  }
  if (gpu?.kind !== undefined && gpu.kind !== 'nvidia' && gpu.kind !== 'amd') {
    throw new UsageError(
      `The gpu kind of ${spec.name} is ${JSON.stringify(gpu.kind)}, but Docker chooses by driver only: "nvidia" or "amd".`,
    )
  }
  return settings
}

/** Throws an `EngineError` when the engine's host is too small, or cannot limit anybody. */
export function checkRoom({ name, resources }: WorkerSpec, info: ApiInfo): void {
  const { memoryLimit, memoryRequest, cpuMillis } = resources
  const memory = Math.max(memoryLimit ?? 0, memoryRequest ?? 0)
  if (memory > info.MemTotal) {
    throw new EngineError(`${name} asks for ${mib(memory)} of memory, but the engine has ${mib(info.MemTotal)}.`, {
      hint: 'Lower "memory", or use a larger engine.',
    })
  }
  const limit = memoryLimit !== undefined ? 'memory' : cpuMillis !== undefined ? 'cpu' : undefined
  if (limit !== undefined && info.CgroupDriver === 'none') {
    throw new EngineError(`${name} limits "${limit}", but this engine cannot hold anybody to it: it has no control groups.`, {
      hint: `Leave "${limit}" out. A rootless engine can limit on a host with cgroup v2 and systemd.`,
    })
  }
  if (cpuMillis !== undefined && cpuMillis > info.NCPU * 1000) {
    throw new EngineError(`${name} asks for ${cpuMillis / 1000} cores, but the engine has ${info.NCPU}.`, {
      hint: 'Lower "cpu", or use a larger engine.',
    })
  }
}

export function mib(bytes: number): string {
  return `${Math.round(bytes / (1 << 20))} MiB`
}

function checkMounts({ name, mounts }: Pick<WorkerSpec, 'name' | 'mounts'>): void {
  const taken = new Set<string>()
  for (const mount of mounts) {
    const { path } = mount
    const wrong = (why: string): never => {
      throw new UsageError(`The volume ${JSON.stringify(path)} of ${name} ${why}.`)
    }
    if (!path.startsWith('/') || posix.normalize(path) !== path || path === '/')
      wrong('must be an absolute path inside the container, such as "/data"')
    if (ownFolders.some((folder) => path === folder || path.startsWith(`${folder}/`)) && path !== '/dev/shm')
      wrong('lies in a folder that is not free; use another')
    if (taken.has(path)) wrong('is given twice')
    taken.add(path)
    if ('bind' in mount && !mount.bind.startsWith('/')) wrong(`binds ${JSON.stringify(mount.bind)}, which is no absolute path`)
    if ('volume' in mount && !/^[a-zA-Z0-9][\w.-]*$/.test(mount.volume))
      wrong(`names the volume ${JSON.stringify(mount.volume)}, which can be no volume's name`)
  }
}

function checkPorts({ name, ports }: Pick<WorkerSpec, 'name' | 'ports'>, { network }: DockerWorkerSettings): void {
  const inside = Object.keys(ports)
  if (inside.length === 0) return
  if (network === 'none' || network === 'host' || network?.startsWith('container:')) {
    throw new UsageError(`${name} opens port ${inside[0]}, which is not possible with network ${JSON.stringify(network)}.`)
  }
  for (const [port, outside] of Object.entries(ports)) {
    if (!isPort(Number(port)) || !(outside === 0 || isPort(outside)))
      throw new UsageError(`The port ${port}: ${outside} of ${name} must be two numbers from 1 to 65535 (or 0 outside, for any free one).`)
  }
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536
}
