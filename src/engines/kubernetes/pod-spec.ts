/** What the cluster is asked to create for a worker: as the Pod Security level `restricted` wants it, and nothing secret in it. */
import { posix } from 'node:path'
import type { KubernetesVolume } from '../../core/config-types.ts'
import type { Mount, Resources, WorkerSpec } from '../../core/engine.ts'
import type { Metadata } from './api-types.ts'
import { isLabel, label, objectName, tagPrefix, tagsAnnotation } from './labels.ts'
import { mergePatch } from './merge-patch.ts'
import { launchLine } from './launch-line.ts'
import { ownFolder, podCode, scratch } from './pod-folders.ts'
import { defaultImage, type KubernetesSettings } from './settings.ts'

export interface PodOptions {
  readonly spec: WorkerSpec
  readonly settings: KubernetesSettings
  /** The Job that owns it. */
  readonly anchor: Metadata
  /** Its second owner, where it may be kept. */
  readonly keeper?: Metadata | undefined
  readonly annotations: Readonly<Record<string, string>>
  /** SHA-256 of the token that opens the way to it. */
  readonly hash: string
}

export const containerName = 'worker'

/** After SIGTERM, before SIGKILL, when somebody deletes the pod. */
const terminationSeconds = 5

export function imageOf({ image }: Pick<WorkerSpec, 'image'>, settings: KubernetesSettings): string {
  return image ?? settings.image ?? defaultImage
}

export function podName({ name, id, owner }: WorkerSpec): string {
  return objectName(name, owner, id)
}

/** Of a pod that no task has options for. */
export const plainSpec: Omit<WorkerSpec, 'id' | 'owner' | 'name'> = {
  code: { hash: '', path: podCode, cwd: podCode },
  resources: {},
  mounts: [],
  ports: {},
  labels: {},
  settings: {},
}

/** A `v1` Pod. What a person's template says goes before ours, but for what makes the pod known, owned and ours to speak to. */
export function podSpec(options: PodOptions): object {
  const { spec, settings, anchor, keeper, annotations, hash } = options
  const { metadata = {}, spec: given = {} } = templateOf(settings)
  const { containers, volumes, ...merged } = mergePatch(defaults(options), given) as Merged
  const worker = containers.find(({ name }) => name === containerName)
  const own = worker && ownVolume(worker)
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(spec),
      labels: { ...settingsLabels(settings), ...labelsOf(spec) },
      annotations: { ...metadata.annotations, ...settings.podAnnotations, ...annotations, ...tagAnnotation(spec) },
      ownerReferences: [anchor, ...(keeper ? [keeper] : [])].map(({ name, uid }) => ({ apiVersion: 'batch/v1', kind: 'Job', name, uid })),
    },
    spec: {
      ...merged,
      restartPolicy: 'Never',
      containers: containers.map((one) => (one === worker ? launched(one, hash, own) : one)),
      volumes: [...volumes, ...(own ? [{ name: ownVolumeName, emptyDir: {} }] : [])],
    },
  }
}

interface Template {
  readonly metadata?: { readonly labels?: object; readonly annotations?: object }
  readonly spec?: object
}

function templateOf({ podTemplate = {} }: KubernetesSettings): Template {
  return podTemplate
}

/** The labels that every pod is to have besides ours. */
export function settingsLabels(settings: KubernetesSettings): object {
  return { ...templateOf(settings).metadata?.labels, ...settings.podLabels }
}

interface Merged {
  readonly containers: readonly Container[]
  readonly volumes: readonly object[]
}

interface Container {
  readonly name: string
  readonly securityContext?: { readonly readOnlyRootFilesystem?: boolean }
  readonly volumeMounts: readonly { readonly mountPath: string }[]
}

const ownVolumeName = 'cowait'

/**
 * Where a volume of our own must be mounted, if so: over `/tmp` where a template makes the container's own files read-only, or inside of it
 * where somebody's volume is mounted there, which is no place for our files.
 */
function ownVolume({ securityContext, volumeMounts }: Container): string | undefined {
  if (volumeMounts.some(({ mountPath }) => posix.normalize(`${mountPath}/`) === `${scratch}/`)) return ownFolder
  return securityContext?.readOnlyRootFilesystem === true ? scratch : undefined
}

function launched(container: Container, hash: string, own: string | undefined): object {
  const { volumeMounts } = container
  return {
    ...container,
    command: launchLine(hash, own ?? scratch),
    volumeMounts: [...volumeMounts, ...(own === undefined ? [] : [{ name: ownVolumeName, mountPath: own }])],
  }
}

/** A PodSpec. */
function defaults({ spec, settings }: PodOptions): object {
  const [user, group = user] = (settings.user ?? '1000').split(':').map(Number)
  const own = Object.entries(settings.podVolumes ?? {}).map(([path, volume], index) => podVolumeOf(path, volume, index))
  const mounts = [...spec.mounts.map((mount, index) => volumeOf(mount, index)), ...own]
  const { serviceAccount, imagePullSecrets, nodeSelector, tolerations, priorityClass, affinity, envFrom } = settings
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: terminationSeconds,
    ...(serviceAccount !== undefined && { serviceAccountName: serviceAccount }),
    ...(imagePullSecrets && { imagePullSecrets: imagePullSecrets.map((name) => ({ name })) }),
    ...(nodeSelector && { nodeSelector }),
    ...(tolerations && { tolerations }),
    ...(priorityClass !== undefined && { priorityClassName: priorityClass }),
    ...(affinity && placing(affinity, spec.owner)),
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
        env: environment(),
        ...(envFrom && {
          envFrom: envFrom.map((one) =>
            'secret' in one ? { secretRef: { name: one.secret } } : { configMapRef: { name: one.configMap } },
          ),
        }),
        resources: resourcesOf(spec.resources, settings.gpuResource),
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
        },
        volumeMounts: mounts.map(({ mount }) => mount),
      },
    ],
    volumes: mounts.map(({ volume }) => volume),
  }
}

/** Wishes, not conditions: a cluster of one node serves too. */
function placing(affinity: 'spread' | 'stack', owner: string): object {
  const topologyKey = 'kubernetes.io/hostname'
  const labelSelector = { matchLabels: { [label.owner]: owner } }
  if (affinity === 'spread')
    return { topologySpreadConstraints: [{ maxSkew: 1, topologyKey, whenUnsatisfiable: 'ScheduleAnyway', labelSelector }] }
  const preferred = [{ weight: 100, podAffinityTerm: { topologyKey, labelSelector } }]
  return { affinity: { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } } }
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
  return others.length > 0 ? { [tagsAnnotation]: JSON.stringify(Object.fromEntries(others)) } : {}
}

/** As on the other engines. The user's variables travel on the channel. */
function environment(): { name: string; value: string }[] {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
  return Object.entries({ HOME: scratch, TMPDIR: scratch, LANG: 'C.UTF-8', TZ: timeZone }).map(([name, value]) => ({ name, value }))
}

function resourcesOf({ cpuMillis, memoryLimit, memoryRequest, gpu }: Resources, gpuName = 'nvidia.com/gpu'): object {
  const cpu = cpuMillis === undefined ? {} : { cpu: `${cpuMillis}m` }
  const gpus = gpu === undefined ? {} : { [gpu.kind === undefined ? gpuName : gpuResource(gpu.kind)]: String(gpu.count) }
  return {
    limits: { ...cpu, ...gpus, ...(memoryLimit !== undefined && { memory: String(memoryLimit) }) },
    requests: { ...cpu, ...gpus, ...(memoryRequest !== undefined && { memory: String(memoryRequest) }) },
  }
}

/** `nvidia.com/gpu`, `amd.com/gpu`, or whatever the cluster's device plugin calls it. */
function gpuResource(kind: string): string {
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

function podVolumeOf(path: string, volume: KubernetesVolume, index: number): { mount: object; volume: object } {
  const name = `p${index}`
  return { mount: { name, mountPath: path, ...(volume.readOnly && { readOnly: true }) }, volume: { name, ...sourceOf(volume) } }
}

function sourceOf(volume: KubernetesVolume): object {
  if ('claim' in volume) return { persistentVolumeClaim: { claimName: volume.claim, ...(volume.readOnly && { readOnly: true }) } }
  if ('configMap' in volume) return { configMap: { name: volume.configMap } }
  if ('secret' in volume) return { secret: { secretName: volume.secret } }
  if ('emptyDir' in volume) return { emptyDir: volume.emptyDir }
  return { hostPath: { path: volume.hostPath } }
}
