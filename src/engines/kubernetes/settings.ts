/** What people may set for Kubernetes, and what of it is known to be wrong before the cluster is asked. */
import { UsageError } from '../../core/errors.ts'
import type { KubernetesVolume, PodResources, Toleration } from '../../core/config-types.ts'

export interface KubernetesSettings {
  /** A context of the kubeconfig; its current one unless told. */
  readonly context?: string
  /** The context's unless told. */
  readonly namespace?: string
  /**
   * The way to the pods: through the API server (`forward`), or, for a supervisor inside the cluster, to their own addresses (`direct`).
   * Unless told, `direct` where the cluster is the one around this process.
   */
  readonly channel?: 'forward' | 'direct'
  /** For workers whose task names none; `node:24-slim` unless told. */
  readonly image?: string
  /** When an image is pulled: where it is missing (unless told), at every start, or never. */
  readonly pull?: 'missing' | 'always' | 'never'
  /** Working directory of tasks: absolute, or relative to the project's root. */
  readonly workdir?: string
  /** `1000` or `1000:1000`; that unless told. */
  readonly user?: string
  /** Pods run as it, and get no token of it all the same. */
  readonly serviceAccount?: string
  /** Supervisors that run in the cluster (`cowait run --detach`) have its rights; workers never do. */
  readonly supervisorAccount?: string
  /** What such a supervisor asks for and may take, as in a pod, in place of ours (detached/supervisor-job.ts). */
  readonly supervisorResources?: PodResources
  /** Seconds for which a detached run that has ended can still be read; an hour unless told. */
  readonly keepDetached?: number
  readonly imagePullSecrets?: readonly string[]
  readonly nodeSelector?: Readonly<Record<string, string>>
  readonly tolerations?: readonly Toleration[]
  /** `spread`: over the nodes where possible. `stack`: on as few as possible. */
  readonly affinity?: 'spread' | 'stack'
  readonly priorityClass?: string
  /** Of every pod, besides ours. */
  readonly podLabels?: Readonly<Record<string, string>>
  readonly podAnnotations?: Readonly<Record<string, string>>
  /** The variables of whole secrets and config maps. */
  readonly envFrom?: readonly ({ readonly secret: string } | { readonly configMap: string })[]
  /** By path inside the pod, besides the volumes of tasks. */
  readonly podVolumes?: Readonly<Record<string, KubernetesVolume>>
  /** Folders of the node, as `bind` of a task or `hostPath` of a pod, are refused unless this is true. */
  readonly allowHostPath?: boolean
  /** What a gpu without a `kind` is called; `nvidia.com/gpu` unless told. */
  readonly gpuResource?: string
  /** Merged into every pod; entries of lists that have a `name` meet those of the same name. The worker's container is `worker`. */
  readonly podTemplate?: Readonly<Record<string, unknown>>
}

export const defaultImage = 'node:24-slim'

type Check = (value: unknown) => string | undefined

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const isName = (value: unknown): boolean => typeof value === 'string' && /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(value)
const text: Check = (value) => (typeof value === 'string' && value !== '' ? undefined : 'a text that is not empty')
const name: Check = (value) => (isName(value) ? undefined : 'a name of lower-case letters, digits and dashes')
const texts: Check = (value) =>
  isRecord(value) && Object.values(value).every((one) => typeof one === 'string')
    ? undefined
    : 'an object of texts, such as { disk: "ssd" }'
const volumeKinds = ['claim', 'configMap', 'secret', 'emptyDir', 'hostPath']
const areAmounts = (value: unknown): boolean =>
  isRecord(value) && Object.values(value).every((one) => typeof one === 'number' || (typeof one === 'string' && one !== ''))
const isVolume = (value: unknown): boolean =>
  isRecord(value) &&
  Object.keys(value).filter((key) => volumeKinds.includes(key)).length === 1 &&
  Object.keys(value).every((key) => [...volumeKinds, 'readOnly'].includes(key))

const checks: Readonly<Record<keyof KubernetesSettings, Check>> = {
  context: text,
  namespace: (value) => (isName(value) && !String(value).includes('.') ? undefined : 'a name of lower-case letters, digits and dashes'),
  channel: (value) => (value === 'forward' || value === 'direct' ? undefined : 'forward or direct'),
  image: text,
  pull: (value) => (value === 'missing' || value === 'always' || value === 'never' ? undefined : 'missing, always or never'),
  workdir: text,
  user: (value) => (typeof value === 'string' && /^\d+(:\d+)?$/.test(value) ? undefined : 'a number, such as "1000" or "1000:1000"'),
  serviceAccount: name,
  supervisorAccount: name,
  supervisorResources: (value) =>
    isRecord(value) && Object.entries(value).every(([part, amounts]) => ['requests', 'limits'].includes(part) && areAmounts(amounts))
      ? undefined
      : 'an object such as { requests: { memory: "1Gi" }, limits: { memory: "2Gi" } }',
  keepDetached: (value) => (Number.isInteger(value) && Number(value) >= 0 ? undefined : 'a whole number of seconds'),
  imagePullSecrets: (value) =>
    Array.isArray(value) && value.every(isName) ? undefined : 'a list of names of secrets, such as ["registry"]',
  nodeSelector: texts,
  tolerations: (value) =>
    Array.isArray(value) && value.every(isRecord) ? undefined : 'a list such as [{ key: "gpu", operator: "Exists", effect: "NoSchedule" }]',
  affinity: (value) => (value === 'spread' || value === 'stack' ? undefined : 'spread or stack'),
  priorityClass: name,
  podLabels: texts,
  podAnnotations: texts,
  envFrom: (value) =>
    Array.isArray(value) &&
    value.every((one) => isRecord(one) && Object.keys(one).length === 1 && isName(one['secret'] ?? one['configMap']))
      ? undefined
      : 'a list such as [{ secret: "api" }, { configMap: "limits" }]',
  podVolumes: (value) =>
    isRecord(value) && Object.entries(value).every(([path, one]) => path.startsWith('/') && isVolume(one))
      ? undefined
      : 'an object such as { "/data": { claim: "data" } }, of claim, configMap, secret, emptyDir or hostPath',
  allowHostPath: (value) => (typeof value === 'boolean' ? undefined : 'true or false'),
  gpuResource: text,
  podTemplate: (value) => (isRecord(value) ? undefined : 'an object with "metadata" and "spec", as of a pod'),
}

/** Throws a `UsageError` for a setting that this engine does not have, or that cannot be what it is. */
export function parseSettings(settings: Readonly<Record<string, unknown>>): KubernetesSettings {
  const parsed: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(settings)) {
    if (value === undefined) continue
    const check = Object.hasOwn(checks, key) ? checks[key as keyof KubernetesSettings] : undefined
    if (check === undefined) {
      throw new UsageError(`The kubernetes engine has no setting "${key}". It has: ${Object.keys(checks).toSorted().join(', ')}.`)
    }
    const wanted = check(value)
    if (wanted !== undefined) throw new UsageError(`The kubernetes setting ${key} is ${JSON.stringify(value)}, but must be ${wanted}.`)
    parsed[key] = value
  }
  refuseHostNetwork(parsed)
  return parsed
}

/** Ports of ours are the same in every pod: a second one of a node would not get them, and a stream to it would come out in the first. */
function refuseHostNetwork({ podTemplate = {} }: KubernetesSettings): void {
  const { spec } = podTemplate
  if (!isRecord(spec) || spec['hostNetwork'] !== true) return
  throw new UsageError(
    'The kubernetes setting podTemplate has "hostNetwork": true, but each pod needs a network of its own: every one listens on the same ' +
      'port, which two pods of a node would share. Leave it out.',
  )
}
