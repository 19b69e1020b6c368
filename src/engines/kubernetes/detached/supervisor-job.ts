/** What the cluster is asked to create for a supervisor: a Job of one pod, as workers' pods are but for its account and its labels. */
import type { Job } from '../api-types.ts'
import { containerName, plainSpec, podSpec, settingsLabels } from '../pod-spec.ts'
import type { KubernetesSettings } from '../settings.ts'
import { startLeaseSeconds } from './start-lease.ts'

export interface SupervisorJobOptions {
  readonly run: string
  readonly task: string
  readonly account: string
  readonly settings: KubernetesSettings
  /** SHA-256 of the token that opens the way to it. */
  readonly hash: string
}

/** Never the label of workers and their owners: nobody's sweep is to find it. */
export const detachedLabel = 'cowait.detached'
export const taskAnnotation = 'cowait/task'
/** From the cluster's SIGTERM to its SIGKILL: for the whole tree to end. */
export const endSeconds = 30

/** A `batch/v1` Job that the cluster ends after its lease and removes as soon as it has ended, until it goes on alone (`handedOver`). */
export function supervisorJob({ run, task, account, settings, hash }: SupervisorJobOptions): object {
  const { envFrom: _env, podVolumes: _volumes, ...placing } = settings
  const { metadata, spec } = podSpec({
    spec: { ...plainSpec, id: run, owner: run, name: run },
    settings: { ...placing, serviceAccount: account },
    anchor: { name: run },
    annotations: {},
    hash,
  }) as { metadata: { annotations: object }; spec: { containers: readonly Container[] } }
  const containers = spec.containers.map((one) => (one.name === containerName ? withResources(one, settings) : one))
  const labels = { 'app.kubernetes.io/managed-by': 'cowait', [detachedLabel]: run }
  const annotations = { ...metadata.annotations, [taskAnnotation]: task }
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: run, labels, annotations },
    spec: {
      backoffLimit: 0,
      ttlSecondsAfterFinished: 0,
      activeDeadlineSeconds: startLeaseSeconds,
      template: {
        metadata: { labels: { ...settingsLabels(settings), ...labels }, annotations },
        spec: { ...spec, containers, automountServiceAccountToken: true, terminationGracePeriodSeconds: endSeconds },
      },
    },
  }
}

/** Whether whoever holds the token of this hash made it. */
export function opensBy({ spec }: Job, hash: string): boolean {
  return spec?.template?.spec?.containers?.some(({ command }) => command?.includes(hash)) === true
}

/** What changes in the Job when its supervisor has begun its run: it has no deadline, and its end is to be seen. */
export function handedOver({ keepDetached = keptSeconds }: KubernetesSettings): object {
  return { spec: { activeDeadlineSeconds: null, ttlSecondsAfterFinished: keepDetached } }
}

const keptSeconds = 3600

interface Container {
  readonly name: string
  readonly resources?: object | undefined
}

/** Pods that ask for nothing are evicted first, and a namespace with a quota for cpu or memory does not admit them. */
const ownResources = { requests: { cpu: '100m', memory: '256Mi' }, limits: { cpu: '1', memory: '1Gi' } }

/** What the setting says, else what a person's template does, else ours. */
function withResources(container: Container, { supervisorResources }: KubernetesSettings): Container {
  const hasOwn = Object.values(container.resources ?? {}).some((amounts) => Object.keys(amounts).length > 0)
  return { ...container, resources: supervisorResources ?? (hasOwn ? container.resources : ownResources) }
}
