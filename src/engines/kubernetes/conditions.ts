/** What a pod's state means: that it cannot start, that it waits, or how it ended; each with its cause in words. */
import { constants } from 'node:os'
import type { Exit } from '../../core/engine.ts'
import { EngineError } from '../../core/errors.ts'
import type { StartOf } from './api-error.ts'
import type { ContainerStatus, Pod } from './api-types.ts'
import { disruptionOf } from './disruption.ts'
import { notFoundCode } from './launch-line.ts'
import { containerName } from './pod-spec.ts'
import type { Pulling } from './pull-problem.ts'
import type { Warning } from './warnings.ts'

/** What keeps a pod from starting, for good; undefined while it may still come. `pulling` is one pod's, of all its states. */
export function startProblem(pod: Pod, about: StartOf, pulling: Pulling): EngineError | undefined {
  const { waiting, terminated } = workerOf(pod)?.state ?? {}
  if (waiting?.reason !== undefined) {
    const problem = waitingProblem(waiting.reason, waiting.message ?? '', about, pulling)
    if (problem) return problem
  }
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
  if (pod.status?.phase === 'Failed') {
    const { reason = 'Failed', message = '' } = pod.status
    return new EngineError(`The pod of ${about.name} failed before its worker could be started: ${reason}${message && `: ${message}`}`)
  }
  return isDeleted ? new EngineError(`The pod of ${about.name} was deleted before its worker could be started.`) : undefined
}

/** What a node failed at and tries again, as it had too much to do; it keeps a pod from starting only when it lasts. */
export function passingProblem(pod: Pod, { name }: StartOf): EngineError | undefined {
  const { reason, message = '' } = workerOf(pod)?.state?.waiting ?? {}
  if (!/^(CreateContainerConfig|CreateContainer|RunContainer)Error$/.test(reason ?? '') || !passing.test(message)) return undefined
  const node = pod.spec?.nodeName ?? '?'
  return new EngineError(`The container of ${name} could not be made on node ${node}, again and again: ${message}`, {
    hint: 'The node may have too much to do: try later, or choose other nodes with "nodeSelector".',
  })
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
  const { reason = 'it has not begun', message } = workerOf(pod)?.state?.waiting ?? {}
  return `its pod on node ${node} does not run yet: ${reason}${message ? `: ${message}` : ''}`
}

/** How a worker ended, as far as its pod tells; undefined while it runs. */
export function exitOf(pod: Pod, memoryLimit: string | undefined): Exit | undefined {
  const { terminated } = workerOf(pod)?.state ?? {}
  const disruption = disruptionOf(pod)
  if (disruption) return disruption
  if (pod.metadata.deletionTimestamp !== undefined) {
    return { how: 'removed', detail: 'its pod was deleted by somebody else ("kubectl delete", a drained node, a missed lease)' }
  }
  if (terminated?.reason === 'OOMKilled')
    return { how: 'out-of-memory', signal: 'SIGKILL', ...(memoryLimit && { detail: `limit ${memoryLimit}` }) }
  if (pod.status?.reason === 'DeadlineExceeded') return { how: 'removed', detail: 'its pod ran longer than activeDeadlineSeconds allows' }
  if (terminated) return exitOfCode(terminated.exitCode)
  if (pod.status?.phase === 'Failed') return { how: 'lost', detail: [pod.status.reason, pod.status.message].filter(Boolean).join(': ') }
  return undefined
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

function waitingProblem(reason: string, message: string, { name, image, namespace }: StartOf, pulling: Pulling): EngineError | undefined {
  const words = message && `: ${message}`
  switch (reason) {
    case 'InvalidImageName':
      return new EngineError(`"${image}" is no image's name${words}.`, { hint: 'Correct "image", such as node:24-slim.' })
    case 'ErrImageNeverPull':
      return new EngineError(`Image "${image}" is not on the node, and "pull" is never.`, {
        hint: 'Bring it there, or set "pull" to missing.',
      })
    case 'ErrImagePull':
    case 'ImagePullBackOff':
    case 'RegistryUnavailable':
      return pulling.hear(reason, message)
    case 'CreateContainerConfigError':
    case 'CreateContainerError':
    case 'RunContainerError':
      if (passing.test(message)) return undefined
      return new EngineError(`The container of ${name} could not be made in namespace ${namespace}${words}.`, {
        hint: /non-numeric user|runAsNonRoot/.test(message)
          ? 'Set "user" to a number other than 0, or use an image whose user is one.'
          : /(secret|configmap) "/i.test(message)
            ? 'Make what it names, or correct the setting.'
            : undefined,
      })
    default:
      return undefined
  }
}

function exitText({ exitCode, reason }: { readonly exitCode: number; readonly reason?: string }): string {
  return `${reason ?? 'it ended'} with exit code ${exitCode}`
}
