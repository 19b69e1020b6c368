/** What the cluster is asked to create for a worker: as the Pod Security level `restricted` wants it, and nothing secret in it. */
import type { Mount, Resources, WorkerSpec } from '../../core/engine.ts'
import type { Metadata } from './api-types.ts'
import { aboveFolder } from './archive.ts'
import { annotation, isLabel, label, objectName, tagPrefix } from './labels.ts'
import { launchLine } from './launch-line.ts'
import { defaultImage, type KubernetesSettings } from './settings.ts'

export interface PodOptions {
  readonly spec: WorkerSpec
  readonly settings: KubernetesSettings
  /** The Job that owns it. */
  readonly anchor: Metadata
  readonly annotations: Readonly<Record<string, string>>
  /** SHA-256 of the token that opens the way to it. */
  readonly hash: string
  /** Dependencies lie above the project's root. */
  readonly hasAbove: boolean
}

export const containerName = 'worker'

const codeFolder = '/cowait'
const scratch = '/tmp'
/** After SIGTERM, before SIGKILL, when somebody deletes the pod. */
const terminationSeconds = 5

export function imageOf({ image }: Pick<WorkerSpec, 'image'>, settings: KubernetesSettings): string {
  return image ?? settings.image ?? defaultImage
}

export function podName({ name, id, owner }: WorkerSpec): string {
  return objectName(name, owner, id)
}

/** A `v1` Pod. */
export function podSpec({ spec, settings, anchor, annotations, hash, hasAbove }: PodOptions): object {
  const [user, group = user] = (settings.user ?? '1000').split(':').map(Number)
  const mounts = spec.mounts.map((mount, index) => volumeOf(mount, index))
  const hasOwnScratch = spec.mounts.some(({ path }) => path === scratch)
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(spec),
      labels: labelsOf(spec),
      annotations: { ...annotations, ...tagAnnotation(spec) },
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: anchor.name, uid: anchor.uid }],
    },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: terminationSeconds,
      securityContext: {
        runAsUser: user,
        runAsGroup: group,
        fsGroup: group,
        ...(user !== 0 && { runAsNonRoot: true }),
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: containerName,
          image: imageOf(spec, settings),
          imagePullPolicy: { missing: 'IfNotPresent', always: 'Always', never: 'Never' }[settings.pull ?? 'missing'],
          command: launchLine(hash, scratch),
          env: environment(),
          resources: resourcesOf(spec.resources),
          ports: Object.keys(spec.ports).map((port) => ({ containerPort: Number(port) })),
          securityContext: {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'] },
            readOnlyRootFilesystem: true,
          },
          volumeMounts: [
            { name: 'cowait', mountPath: codeFolder },
            ...(hasAbove ? [{ name: 'above', mountPath: aboveFolder }] : []),
            ...(hasOwnScratch ? [] : [{ name: 'scratch', mountPath: scratch }]),
            ...mounts.map(({ mount }) => mount),
          ],
        },
      ],
      volumes: [
        { name: 'cowait', emptyDir: {} },
        ...(hasAbove ? [{ name: 'above', emptyDir: {} }] : []),
        ...(hasOwnScratch ? [] : [{ name: 'scratch', emptyDir: {} }]),
        ...mounts.map(({ volume }) => volume),
      ],
    },
  }
}

function labelsOf({ id, owner, name, labels }: WorkerSpec): Record<string, string> {
  const tags = Object.entries(labels).filter(([key, value]) => isLabel(tagPrefix + key, value))
  return {
    'app.kubernetes.io/managed-by': 'cowait',
    ...Object.fromEntries(tags.map(([key, value]) => [tagPrefix + key, value])),
    [label.owner]: owner,
    [label.worker]: id,
    [label.name]: name,
  }
}

function tagAnnotation({ labels }: WorkerSpec): Record<string, string> {
  const others = Object.entries(labels).filter(([key, value]) => !isLabel(tagPrefix + key, value))
  return others.length > 0 ? { [annotation.tags]: JSON.stringify(Object.fromEntries(others)) } : {}
}

/** As on the other engines. The user's variables travel on the channel. */
function environment(): { name: string; value: string }[] {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
  return Object.entries({ HOME: scratch, TMPDIR: scratch, LANG: 'C.UTF-8', TZ: timeZone }).map(([name, value]) => ({ name, value }))
}

function resourcesOf({ cpuMillis, memoryLimit, memoryRequest, gpu }: Resources): object {
  const cpu = cpuMillis === undefined ? {} : { cpu: `${cpuMillis}m` }
  const gpus = gpu === undefined ? {} : { [gpuResource(gpu.kind)]: String(gpu.count) }
  return {
    limits: { ...cpu, ...gpus, ...(memoryLimit !== undefined && { memory: String(memoryLimit) }) },
    requests: { ...cpu, ...gpus, ...(memoryRequest !== undefined && { memory: String(memoryRequest) }) },
  }
}

/** `nvidia.com/gpu`, `amd.com/gpu`, or whatever the cluster's device plugin calls it. */
function gpuResource(kind = 'nvidia'): string {
  return kind.includes('/') ? kind : `${kind}.com/gpu`
}

function volumeOf(mount: Mount, index: number): { mount: object; volume: object } {
  const name = `v${index}`
  if ('tmpfsBytes' in mount) {
    return {
      mount: { name, mountPath: mount.path },
      volume: { name, emptyDir: { medium: 'Memory', ...(mount.tmpfsBytes > 0 && { sizeLimit: String(mount.tmpfsBytes) }) } },
    }
  }
  const volumeMount = { name, mountPath: mount.path, ...(mount.readOnly && { readOnly: true }) }
  if ('bind' in mount) return { mount: volumeMount, volume: { name, hostPath: { path: mount.bind } } }
  return {
    mount: volumeMount,
    volume: { name, persistentVolumeClaim: { claimName: mount.volume, ...(mount.readOnly && { readOnly: true }) } },
  }
}
