/** A Job that never has a pod, and removes itself, with what it owns, when its deadline has come. */
import { containerName, plainSpec, podSpec, settingsLabels } from './pod-spec.ts'
import type { KubernetesSettings } from './settings.ts'

export interface IdleJobOptions {
  /** The Job's own metadata. */
  readonly metadata: object
  /** Those of the pods that it is going to own. */
  readonly settings: KubernetesSettings
  /** Of the deadline; without any the Job rests, for ever. */
  readonly activeDeadlineSeconds?: number
}

/** A `batch/v1` Job. */
export function idleJob({ metadata, settings, activeDeadlineSeconds }: IdleJobOptions): object {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata,
    spec: {
      parallelism: 0,
      backoffLimit: 0,
      ...(activeDeadlineSeconds === undefined ? { suspend: true } : { activeDeadlineSeconds }),
      ttlSecondsAfterFinished: 0,
      template: template(settings),
    },
  }
}

/**
 * Never used, but a Job must have one, and the rules of many clusters want of it what they want of a pod: so it is one of ours, whose
 * image, labels and security are set as those of the others are.
 */
function template(settings: KubernetesSettings): object {
  const { envFrom: _env, podVolumes: _volumes, ...placing } = settings
  const name = 'cowait'
  const { metadata, spec } = podSpec({
    spec: { ...plainSpec, id: name, owner: name, name },
    settings: placing,
    anchor: { name },
    annotations: {},
    hash: '',
  }) as { metadata: { annotations: object }; spec: { containers: readonly Container[] } }
  const { annotations } = metadata
  return {
    // Never the labels by which pods of ours are found.
    metadata: { labels: { ...settingsLabels(settings), 'app.kubernetes.io/managed-by': 'cowait' }, annotations },
    spec: { ...spec, containers: spec.containers.map((one) => (one.name === containerName ? idle(one) : one)) },
  }
}

interface Container {
  readonly name: string
  readonly resources?: { readonly requests?: object; readonly limits?: object }
}

/** As little as rules that ask for resources take for an amount. */
const amounts = { cpu: '10m', memory: '16Mi' }

/** What a person's template says of one side serves for the other: a request above its limit is not valid. */
function idle({ resources: { requests = {}, limits = {} } = {}, ...container }: Container): object {
  return {
    ...container,
    command: undefined,
    resources: { requests: { ...amounts, ...limits, ...requests }, limits: { ...amounts, ...requests, ...limits } },
  }
}
