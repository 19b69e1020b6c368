/** What a pod's state means: that it cannot start, that it waits, or how it ended; each with its cause in words. */
import { constants } from 'node:os'
import type { Exit } from '../../core/engine.ts'
import { EngineError } from '../../core/errors.ts'
import type { StartOf } from './api-error.ts'
import type { ContainerStatus, Pod, Waiting } from './api-types.ts'
import { disruptionOf } from './disruption.ts'
import { notFoundCode } from './launch-line.ts'
import { containerName } from './pod-spec.ts'
import { imageSetting, imageText, type Pulls } from './pull-problem.ts'
import type { Warning } from './warnings.ts'

/** What keeps a pod from starting, for good; undefined while it may still come. `pulls` are one pod's, of all its states. */
export function startProblem(pod: Pod, about: StartOf, pulls: Pulls): EngineError | undefined {
  for (const { waiting, ...container } of waitingOf(pod, about)) {
    const problem = waitingProblem(waiting, container, pulls)
    if (problem) return problem
  }
  const { terminated } = workerOf(pod)?.state ?? {}
  if (terminated) {
    const { reason, message = '', exitCode } = terminated
    if (reason === 'StartError' || reason === 'ContainerCannotRun') {
      const noShell = /"(?:\/bin\/)?sh": .*not found|exec: "sh"/.test(message)
      return new EngineError(
        noShell
          ? `Image "${about.image}" has no shell (sh), so no worker can be started in it.`
          : `The container of ${about.name} could not be started: ${message}`,
        { hint: noShell ? 'Use an image with a shell and Node 20.19 or later, such as node:24-slim.' : undefined },
      )
    }
    if (exitCode === notFoundCode) {
      return new EngineError(`Image "${about.image}" has no program "node".`, {
        hint: 'Use an image with Node 20.19 or later, such as node:24-slim.',
      })
    }
    return new EngineError(`The pod of ${about.name} ended before its worker could be started: ${exitText(terminated)}.`)
  }
  const isDeleted = pod.metadata.deletionTimestamp !== undefined
  const disruption = isDeleted || pod.status?.phase === 'Failed' ? disruptionOf(pod) : undefined
  if (disruption) return new EngineError(`The pod of ${about.name} ended before its worker could be started: ${disruption.detail}.`)
  const before = failedBefore(pod)
  if (before) return new EngineError(`Container "${before.name}" of ${about.name}, which comes before its worker, failed: ${before.how}.`)
  if (pod.status?.phase === 'Failed') {
    const { reason = 'Failed', message = '' } = pod.status
    return new EngineError(`The pod of ${about.name} failed before its worker could be started: ${reason}${message && `: ${message}`}`)
  }
  return isDeleted ? new EngineError(`The pod of ${about.name} was deleted before its worker could be started.`) : undefined
}

/** What a node failed at and tries again, as it had too much to do; it keeps a pod from starting only when it lasts. */
export function passingProblem(pod: Pod, about: StartOf): EngineError | undefined {
  for (const { waiting, ...container } of waitingOf(pod, about)) {
    const { reason = '', message = '' } = waiting
    if (!isFault(reason) || !passing.test(message)) continue
    const node = pod.spec?.nodeName ?? '?'
    return new EngineError(`${containerText(container)} could not be made on node ${node}, again and again: ${message}`, {
      hint: 'The node may have too much to do: try later, or choose other nodes with "nodeSelector".',
    })
  }
  return undefined
}

/** The kubelet has not heard of a secret yet, or its runtime is slow: then a try may run into the one before it. */
const passing = /timed out waiting for the condition|deadline ?exceeded|failed to reserve container name|\bname\b.* is reserved/i

/** A warning about a pod that is on a node: what no waiting mends. The kubelet tries everything again, also what cannot work. */
export function warningProblem({ reason, message }: Warning, { name, namespace }: StartOf): EngineError | undefined {
  const [, kind, missing] = /(secret|configmap|persistentvolumeclaim) "([^"]+)" not found/i.exec(message) ?? []
  if (reason === 'FailedMount' && kind !== undefined) {
    return new EngineError(`A volume of ${name} cannot be mounted: there is no ${kind} ${missing} in namespace ${namespace}.`, {
      hint: 'Make it, or correct "podVolumes".',
    })
  }
  if (reason === 'FailedCreatePodSandBox' && /no runtime for|runtime handler|unknown runtime/i.test(message)) {
    return new EngineError(`The pod of ${name} cannot be made on its node: ${message}`, {
      hint: 'The node does not have the runtime of the pod\'s "runtimeClassName": correct it, or choose other nodes with "nodeSelector".',
    })
  }
  return undefined
}

/** The node had no room after all, since pods that are gone still counted there: another try helps. */
export function isOvertaken({ status }: Pod): boolean {
  return status?.phase === 'Failed' && /^(OutOf|NodeAffinity|NodeNotReady|UnexpectedAdmissionError)/.test(status.reason ?? '')
}

/** What a pod waits for, for people; undefined once it is with a node. */
export function unscheduled({ status }: Pod): string | undefined {
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled')
  if (scheduled?.status !== 'False') return undefined
  return scheduled.message || scheduled.reason || 'no node has been found for it'
}

/** What a pod's start waits for, for people. */
export function waitsFor(pod: Pod): string {
  const unplaced = unscheduled(pod)
  if (unplaced !== undefined) return `no node takes its pod: ${unplaced}`
  const node = pod.spec?.nodeName
  if (node === undefined) return 'no node has been found for its pod yet'
  if (isRunning(pod)) return `its pod runs on node ${node}, and does not answer`
  return `its pod on node ${node} does not run yet: ${waitsOnNode(pod) || 'it has not begun'}`
}

/** What a pod with a node, whose worker does not run, says for people about that; empty where it only takes its time. */
export function waitsOnNode({ status }: Pod): string {
  const { initContainerStatuses = [], containerStatuses = [] } = status ?? {}
  for (const { name, state } of [...initContainerStatuses, ...containerStatuses]) {
    const { reason, message } = state?.waiting ?? {}
    if (reason === undefined || reason === 'ContainerCreating' || reason === 'PodInitializing') continue
    const words = `${reason}${message ? `: ${message}` : ''}`
    if (name === containerName) return words
    return `container "${name}": ${words}`
  }
  const first = initContainerStatuses.findLast(({ state }) => state?.running !== undefined)
  return first ? `container "${first.name}" comes before it` : ''
}

/** How a worker ended, as far as its pod tells; undefined while it runs. `whyMissed`: why the lease of its pod was not renewed in time. */
export function exitOf(pod: Pod, memoryLimit: string | undefined, whyMissed?: string): Exit | undefined {
  const { terminated } = workerOf(pod)?.state ?? {}
  const disruption = disruptionOf(pod)
  if (disruption) return disruption
  if (pod.metadata.deletionTimestamp !== undefined) return deletion(whyMissed)
  if (terminated?.reason === 'OOMKilled')
    return { how: 'out-of-memory', signal: 'SIGKILL', ...(memoryLimit && { detail: `limit ${memoryLimit}` }) }
  if (pod.status?.reason === 'DeadlineExceeded') return { how: 'removed', detail: 'its pod ran longer than activeDeadlineSeconds allows' }
  if (terminated) return exitOfCode(terminated.exitCode)
  if (pod.status?.phase === 'Failed') return { how: 'lost', detail: [pod.status.reason, pod.status.message].filter(Boolean).join(': ') }
  return undefined
}

/** How a worker ended whose pod is being deleted, or is no more. */
export function deletion(whyMissed: string | undefined): Exit {
  if (whyMissed === undefined) {
    return { how: 'removed', detail: 'its pod was deleted by somebody else ("kubectl delete", a drained node, a missed lease)' }
  }
  return { how: 'removed', detail: `its cluster deleted its pod, as the lease of its supervisor could not be renewed: ${whyMissed}` }
}

/** A shell says an end by signal as 128 and its number. */
export function exitOfCode(code: number): Exit {
  const signal = code > 128 ? Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0] : undefined
  return signal === undefined ? { how: 'exited', code } : { how: 'killed', signal }
}

/** Whether the worker's container runs. */
export function isRunning(pod: Pod): boolean {
  return workerOf(pod)?.state?.running !== undefined
}

/** Whether the worker's container has ended. */
export function hasTerminated(pod: Pod): boolean {
  return workerOf(pod)?.state?.terminated !== undefined
}

function workerOf({ status }: Pod): ContainerStatus | undefined {
  return status?.containerStatuses?.find(({ name }) => name === containerName)
}

/** A container that has not begun, and what is being started, for messages; `container` names one that is not the worker's. */
type ContainerOf = StartOf & { readonly container?: string | undefined }

/** Which containers wait that the worker cannot do without, itself first. Others that are added to its pod hold up nothing. */
function waitingOf(pod: Pod, about: StartOf): (ContainerOf & { readonly waiting: Waiting })[] {
  const own = workerOf(pod)?.state?.waiting
  const images = new Map(pod.spec?.initContainers?.map(({ name, image }) => [name, image]))
  const before = (pod.status?.initContainerStatuses ?? []).flatMap(({ name, state }) =>
    state?.waiting ? [{ ...about, container: name, image: images.get(name) ?? '?', waiting: state.waiting }] : [],
  )
  return [...(own ? [{ ...about, waiting: own }] : []), ...before]
}

function containerText({ name, container }: ContainerOf): string {
  return container === undefined ? `The container of ${name}` : `Container "${container}" of ${name}`
}

function isFault(reason: string): boolean {
  return reason === 'CreateContainerConfigError' || reason === 'CreateContainerError' || reason === 'RunContainerError'
}

function waitingProblem({ reason = '', message = '' }: Waiting, about: ContainerOf, pulls: Pulls): EngineError | undefined {
  const words = message && `: ${message}`
  if (isFault(reason) && !passing.test(message)) {
    return new EngineError(`${containerText(about)} could not be made in namespace ${about.namespace}${words}.`, {
      hint: /non-numeric user|runAsNonRoot/.test(message)
        ? 'Set "user" to a number other than 0, or use an image whose user is one.'
        : /(secret|configmap) "/i.test(message)
          ? 'Make what it names, or correct the setting.'
          : undefined,
    })
  }
  switch (reason) {
    case 'InvalidImageName':
      return new EngineError(`"${about.image}" is no image's name${words}.`, {
        hint: `Correct ${imageSetting(about)}, such as node:24-slim.`,
      })
    case 'ErrImageNeverPull': {
      const policy = about.container === undefined ? '"pull" is never' : 'its "imagePullPolicy" is Never'
      return new EngineError(`${imageText(about)} is not on the node, and ${policy}.`, {
        hint: about.container === undefined ? 'Bring it there, or set "pull" to missing.' : 'Bring it there, or let it be pulled.',
      })
    }
    case 'ErrImagePull':
    case 'ImagePullBackOff':
    case 'RegistryUnavailable':
      return pulls.of(about).hear(reason, message)
    default:
      return undefined
  }
}

/** A container that had to end well before the worker, and did not. */
function failedBefore({ status }: Pod): { readonly name: string; readonly how: string } | undefined {
  if (status?.phase !== 'Failed') return undefined
  for (const { name, state } of status.initContainerStatuses ?? []) {
    const { terminated } = state ?? {}
    if (!terminated || terminated.exitCode === 0) continue
    return { name, how: `${exitText(terminated)}${terminated.message ? ` (${terminated.message.trim()})` : ''}` }
  }
  return undefined
}

function exitText({ exitCode, reason }: { readonly exitCode: number; readonly reason?: string }): string {
  return `${reason ?? 'it ended'} with exit code ${exitCode}`
}
