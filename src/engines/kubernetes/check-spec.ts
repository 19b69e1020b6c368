/** What is known to be impossible before the cluster is asked to start anything. */
import { posix } from 'node:path'
import type { WorkerSpec } from '../../core/engine.ts'
import { UsageError } from '../../core/errors.ts'
import { ownFolder } from './pod-folders.ts'
import { parseSettings, type KubernetesSettings } from './settings.ts'

const takenFolders = [ownFolder, '/proc', '/sys', '/dev']

/** Throws a `UsageError` that names the option. */
export function checkSpec({ name, mounts, ports, settings }: Omit<WorkerSpec, 'id' | 'owner' | 'code'>, engine: KubernetesSettings): void {
  const { workdir } = parseSettings(settings)
  if (workdir !== undefined && workdir !== engine.workdir) {
    throw new UsageError(`workdir of ${name} is ${JSON.stringify(workdir)}, but it can only be set for the whole engine.`)
  }
  const taken = new Set<string>()
  for (const [path, volume] of Object.entries(engine.podVolumes ?? {})) {
    if ('hostPath' in volume && engine.allowHostPath !== true)
      throw new UsageError(
        `podVolumes[${JSON.stringify(path)}] is a folder of the node (hostPath), which must be allowed: allowHostPath: true.`,
      )
    taken.add(path)
  }
  for (const mount of mounts) {
    const { path } = mount
    const wrong = (why: string): never => {
      throw new UsageError(`The volume ${JSON.stringify(path)} of ${name} ${why}.`)
    }
    if (!path.startsWith('/') || posix.normalize(path) !== path || path === '/')
      wrong('must be an absolute path inside the pod, such as "/data"')
    if (takenFolders.some((folder) => path === folder || path.startsWith(`${folder}/`)) && path !== '/dev/shm')
      wrong('lies in a folder that is not free; use another')
    if (taken.has(path)) wrong('is given twice')
    taken.add(path)
    if ('bind' in mount && engine.allowHostPath !== true)
      wrong(
        `binds ${JSON.stringify(mount.bind)}, a folder of a host, which pods do not see; use a volume (a claim), or set allowHostPath where you mean a folder of the node`,
      )
    if ('volume' in mount && !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(mount.volume))
      wrong(`names the claim ${JSON.stringify(mount.volume)}, which can be no claim's name`)
  }
  const [port] = Object.keys(ports)
  if (port !== undefined) {
    throw new UsageError(
      `${name} opens port ${port} on the engine's host, which Kubernetes does not do. Use a Service, or "kubectl port-forward".`,
    )
  }
}
