/** What the engine is asked to create for a worker: closed by default, opened by what the worker's task asks for. */
import { createHash } from 'node:crypto'
import type { Mount, Resources, WorkerSpec } from '../../core/engine.ts'
import type { ApiContainerSpec, ApiMount } from './api-types.ts'
import { containerUser } from './container-user.ts'
import { defaultPidsLimit, type DockerWorkerSettings } from './docker-settings.ts'
import type { EndMark } from './end-mark.ts'
import type { Image } from './images.ts'
import { label, tagPrefix } from './labels.ts'
import { launchLine } from './launch-line.ts'

/** Ports are opened on the loopback of the engine's host alone: whoever wants more puts a proxy there. */
const portAddress = '127.0.0.1'

export interface ContainerOptions {
  readonly spec: WorkerSpec
  readonly settings: DockerWorkerSettings
  readonly image: Image
  readonly imageName: string
  readonly program: string
  readonly codeMounts: readonly ApiMount[]
  /** The one that the worker starts in, unless its settings name another; none if neither does. */
  readonly networkId: string | undefined
  readonly timeZone: string
  readonly ownerLabels: Readonly<Record<string, string>>
  readonly defaultUser: string
  readonly securityOptions: readonly string[]
  readonly graceSeconds: number
  readonly endMark: EndMark | undefined
}

const scratch = '/tmp'

export function containerSpec(options: ContainerOptions): ApiContainerSpec {
  const { spec, settings, image, imageName, networkId } = options
  const network = settings.network ?? networkId ?? 'none'
  const user = containerUser(settings.user, image.user, options.defaultUser)
  const hasOwnScratch = spec.mounts.some(({ path }) => path === scratch)
  const ports = Object.entries(spec.ports)
  return {
    Image: image.id,
    // A host name is at most 63 long; the host's own network brings the host's own name.
    ...(network !== 'host' && !network.startsWith('container:') && { Hostname: spec.name.slice(0, 63).replace(/-+$/, '') }),
    ...(user !== undefined && { User: user }),
    Env: environment(options.timeZone),
    ...launchLine({ program: options.program, graceSeconds: options.graceSeconds, endMark: options.endMark }),
    WorkingDir: spec.code.path,
    Labels: {
      ...Object.fromEntries(Object.entries(spec.labels).map(([key, value]) => [tagPrefix + key, value])),
      ...options.ownerLabels,
      [label.worker]: spec.id,
      [label.name]: spec.name,
      [label.image]: imageName,
    },
    ExposedPorts: Object.fromEntries(ports.map(([inside]) => [`${inside}/tcp`, {}])),
    Healthcheck: { Test: ['NONE'] },
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    HostConfig: {
      // For the case that nobody is left to remove it.
      AutoRemove: true,
      NetworkMode: network,
      // The default driver writes every byte of the channel to the engine's disk.
      LogConfig: { Type: 'none' },
      // Node needs no capability: all go, and none comes back through a set-user-id program.
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges', ...options.securityOptions],
      PidsLimit: settings.pidsLimit ?? defaultPidsLimit,
      ...limits(spec.resources),
      Mounts: [...options.codeMounts, ...spec.mounts.map(userMount)],
      // Docker mounts scratch folders without the right to run what is in them, where add-ons like to unpack themselves.
      ...(!hasOwnScratch && { Tmpfs: { [scratch]: 'rw,exec,nosuid,nodev,mode=1777' } }),
      PortBindings: Object.fromEntries(
        ports.map(([inside, outside]) => [`${inside}/tcp`, [{ HostIp: portAddress, HostPort: outside === 0 ? '' : String(outside) }]]),
      ),
      ...(settings.extraHosts && { ExtraHosts: settings.extraHosts }),
    },
    // Only so does Docker keep to the id; from the mode alone it goes back to the name, which may stand for two.
    ...(networkId !== undefined && { NetworkingConfig: { EndpointsConfig: { [networkId]: { NetworkID: networkId } } } }),
  }
}

/** Told by the run's name, for people; no two workers share one, also not two attempts. */
export function containerName({ name, id, owner }: WorkerSpec): string {
  return `${name}-${createHash('sha256').update(`${owner}\n${id}`).digest('hex').slice(0, 6)}`
}

/** What a container's name begins with that stays after its worker's end. Labels cannot be changed. */
export const keptPrefix = 'kept-'

/** As on the process engine: the same time zone gives the same dates. The user's variables travel on the channel. */
function environment(timeZone: string): string[] {
  return [`HOME=${scratch}`, `TMPDIR=${scratch}`, 'LANG=C.UTF-8', `TZ=${timeZone}`]
}

function limits({ cpuMillis, memoryLimit, memoryRequest, gpu }: Resources): Partial<ApiContainerSpec['HostConfig']> {
  return {
    ...(cpuMillis !== undefined && { NanoCpus: cpuMillis * 1_000_000 }),
    // The same for memory and swap together: no swap, so that a limit means what it says.
    ...(memoryLimit !== undefined && { Memory: memoryLimit, MemorySwap: memoryLimit }),
    ...(memoryRequest !== undefined && { MemoryReservation: memoryRequest }),
    ...(gpu && { DeviceRequests: [{ Driver: gpu.kind ?? '', Count: gpu.count, Capabilities: [['gpu']] }] }),
  }
}

function userMount(mount: Mount): ApiMount {
  if ('bind' in mount) return { Type: 'bind', Source: mount.bind, Target: mount.path, ReadOnly: mount.readOnly }
  if ('volume' in mount) return { Type: 'volume', Source: mount.volume, Target: mount.path, ReadOnly: mount.readOnly }
  return { Type: 'tmpfs', Target: mount.path, TmpfsOptions: { SizeBytes: mount.tmpfsBytes, Mode: 0o1777 } }
}
