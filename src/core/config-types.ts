import type { Ceilings } from './ceilings.ts'
import type { TaskOptions } from './options.ts'

export type EngineName = 'process' | 'docker' | 'kubernetes'

export interface Toleration {
  key?: string
  operator?: 'Exists' | 'Equal'
  value?: string
  effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute'
  tolerationSeconds?: number
}

/** What stands behind a folder of a pod. */
export type KubernetesVolume = { readOnly?: boolean } & (
  | { claim: string }
  | { configMap: string }
  | { secret: string }
  | { emptyDir: { sizeLimit?: string; medium?: 'Memory' } }
  | { hostPath: string }
)

/** By the resource's name, such as `cpu` and `memory`. */
export interface PodResources {
  requests?: Record<string, string | number> | undefined
  limits?: Record<string, string | number> | undefined
}

/** What an engine understands beyond the options of tasks. Each engine refuses what it does not have. */
export interface EngineSettings {
  /** Docker: `unix:///var/run/docker.sock`, `tcp://build:2376`, `ssh://me@build`. */
  host?: string | undefined
  /** A context of the docker or kubectl command line. */
  context?: string | undefined
  /** Kubernetes. */
  namespace?: string | undefined
  /** When an image is pulled: where it is missing (unless told), at its first use in a run tree, or never. */
  pull?: 'missing' | 'always' | 'never' | undefined
  /** The name of a network, `bridge`, `host` or `none`. */
  network?: string | undefined
  /** `name`, `1000` or `1000:1000`. */
  user?: string | undefined
  /** `name:address`. */
  extraHosts?: string[] | undefined
  /** `linux/arm64`. */
  platform?: string | undefined
  /** Processes and threads in one container. */
  pidsLimit?: number | undefined
  /** Working directory of tasks: absolute, or relative to the project's root. */
  workdir?: string | undefined
  /** Kubernetes: through the API server, or, from inside of the cluster, to the pods' own addresses; inside `direct` unless told. */
  channel?: 'forward' | 'direct' | undefined
  /** Kubernetes: pods run as this service account, and get no token of it all the same. */
  serviceAccount?: string | undefined
  /** Kubernetes: supervisors that run in the cluster (`cowait run --detach`) have the rights of this service account; workers never do. */
  supervisorAccount?: string | undefined
  /** Kubernetes: what those supervisors ask for and may take, as in a pod, in place of 100m and 256Mi, at most 1 and 1Gi. */
  supervisorResources?: PodResources | undefined
  /** Kubernetes: seconds for which a detached run that has ended can still be read; an hour unless told. */
  keepDetached?: number | undefined
  /** Kubernetes: secrets with the passwords of registries. */
  imagePullSecrets?: string[] | undefined
  /** Kubernetes: labels that a node must have. */
  nodeSelector?: Record<string, string> | undefined
  /** Kubernetes: taints of nodes that pods bear. */
  tolerations?: Toleration[] | undefined
  /** Kubernetes: over the nodes where possible, or on as few as possible. */
  affinity?: 'spread' | 'stack' | undefined
  /** Kubernetes. */
  priorityClass?: string | undefined
  /** Kubernetes: labels of every pod. */
  podLabels?: Record<string, string> | undefined
  /** Kubernetes: annotations of every pod. */
  podAnnotations?: Record<string, string> | undefined
  /** Kubernetes: the variables of whole secrets and config maps. */
  envFrom?: ({ secret: string } | { configMap: string })[] | undefined
  /** Kubernetes: absolute path inside the pod to what stands behind it. */
  podVolumes?: Record<string, KubernetesVolume> | undefined
  /** Kubernetes: folders of the node may be used. */
  allowHostPath?: boolean | undefined
  /** Kubernetes: what a gpu without a `kind` is called; `nvidia.com/gpu` unless told. */
  gpuResource?: string | undefined
  /** Kubernetes: merged into every pod, lists by the `name` of their entries; the worker's container is `worker`. */
  podTemplate?: Record<string, unknown> | undefined
}

/** Where runs go, and the options of all tasks; what a task's definition says goes before them. */
export interface Target extends TaskOptions, EngineSettings {
  /** `process` unless told; `cowait run` takes Docker where it answers. */
  engine?: EngineName | undefined
}

/** What `cowait.config.ts` exports as its default. */
export interface CowaitConfig extends Target {
  /** How many runs of a run tree take a place at once; from cores and memory unless told. */
  concurrency?: number | undefined
  /** Ceilings against tasks that call themselves without end; raise them for very large run trees. */
  limits?: Partial<Ceilings> | undefined
  /** Folders, relative to the project's root, in which `cowait run NAME` looks for tasks too. */
  tasks?: string[] | undefined
  /** Files with `NAME=value` lines for the environment of tasks, relative to the project's root. */
  envFile?: string | string[] | undefined
  /** The cluster of runs that name none. */
  defaultCluster?: string | undefined
  /** Named targets, for `--cluster NAME`. */
  clusters?: Record<string, Target> | undefined
}
