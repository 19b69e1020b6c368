/** From a worker's spec to a worker that boots: the pod is created, connected to as soon as it listens, and given its code. */
import { abortable } from '../../core/abortable.ts'
import type { StartPhase, Worker, WorkerSpec } from '../../core/engine.ts'
import { EngineError } from '../../core/errors.ts'
import type { ApiClient } from './api-client.ts'
import { connectionError, isMissing, startError, type StartOf } from './api-error.ts'
import type { Pod } from './api-types.ts'
import type { Anchor } from './anchor.ts'
import type { Archive } from './archive.ts'
import { hasTerminated, isOvertaken, isRunning, unscheduled, waitsOnNode, warningProblem } from './conditions.ts'
import type { ConnectTurns } from './connect-turns.ts'
import { createPod } from './create-pod.ts'
import type { Keepers } from './keepers.ts'
import { Link, type Direct } from './link.ts'
import { imageOf, podName, podSpec } from './pod-spec.ts'
import { PodWorker } from './pod-worker.ts'
import type { PodWatch } from './pod-watch.ts'
import type { KubernetesSettings } from './settings.ts'
import type { Refusals } from './refusals.ts'
import { StartJudge } from './start-judge.ts'
import type { Warnings } from './warnings.ts'

/** What all starts of one engine share. */
export interface StartEnvironment {
  readonly client: ApiClient
  readonly namespace: string
  /** The pods' path in the API. */
  readonly pods: string
  readonly settings: KubernetesSettings
  readonly anchor: Anchor
  readonly keepers: Keepers
  readonly watch: PodWatch
  readonly warnings: Warnings
  readonly refusals: Refusals
  readonly turns: ConnectTurns
  /** Where channels go to the pods' own addresses. */
  readonly direct: Direct | undefined
  readonly annotations: Readonly<Record<string, string>>
  /** The text of the pod's program. */
  readonly program: () => Promise<Buffer>
  readonly orphanGraceMs: number
  /** Why the cluster takes pods away, where that is for a lease that could not be renewed. */
  whyMissed(): string | undefined
  remember(pod: PodWorker, link: Link): void
  forget(pod: PodWorker): void
  /** When a pod ended or was removed last, of `performance.now()`. */
  leftAt(): number
}

interface Start {
  readonly spec: WorkerSpec
  readonly archive: Promise<Archive>
  readonly environment: StartEnvironment
}

type Report = (phase: StartPhase) => void

/** How often a pod is made again that came to a node whose room was not yet free. */
const overtakenTries = 20

/** Rejects with an `EngineError`, or as the signal says; then nothing is left of it. */
export async function startPod(start: Start, signal: AbortSignal, report: Report): Promise<Worker> {
  const { spec, environment } = start
  const about = { name: spec.name, image: imageOf(spec, environment.settings), namespace: environment.namespace }
  try {
    report({ phase: 'preparing' })
    const all = Promise.all([start.archive, environment.anchor.ensure(), environment.watch.open(), environment.program()])
    const [archive] = await abortable(all, signal)
    for (let tries = 1; ; tries++) {
      signal.throwIfAborted()
      const worker = await createAndConnect({ ...start, about, archive, tries }, signal, report)
      if (worker) return worker
    }
  } catch (error) {
    signal.throwIfAborted()
    throw startError(error, about, environment.client.cluster)
  }
}

interface Creation {
  readonly spec: WorkerSpec
  readonly environment: StartEnvironment
  readonly about: StartOf
  readonly archive: Archive
  readonly tries: number
}

/** Nothing when the node had no room after all, which passes. */
async function createAndConnect(
  { spec, environment, about, archive, tries }: Creation,
  signal: AbortSignal,
  report: Report,
): Promise<Worker | undefined> {
  const { client, pods, settings, turns } = environment
  const name = podName(tries === 1 ? spec : { ...spec, id: `${spec.id}-${tries}` })
  const path = `${pods}/${name}`
  const anchor = await abortable(environment.anchor.ensure(), signal)
  const memoryLimit = spec.resources.memoryLimit === undefined ? undefined : `${Math.round(spec.resources.memoryLimit / (1 << 20))} MiB`
  const link: Link = new Link({
    client,
    pod: path,
    program: await environment.program(),
    turns,
    direct: environment.direct,
    onFrame: (type, payload) => pod.receive(type, payload),
    onRoom: () => pod.hasRoom(),
    onLost: (why) => void pod.lose(why),
  })
  const pod: PodWorker = new PodWorker(
    { id: spec.id, name, memoryLimit, keep: spec.keep === true, whyMissed: environment.whyMissed },
    () => link,
  )
  environment.remember(pod, link)
  report({ phase: 'creating' })
  const failed = new AbortController()
  const started = new AbortController()
  environment.refusals.follow(started.signal, (error) => failed.abort(error))
  let isOver = false
  let told: string | undefined
  const tell = (phase: StartPhase): void => {
    if (phase.detail !== told) report(phase)
    told = phase.detail ?? told
  }
  let hasNode = false
  const judge = new StartJudge({ about, fail: (problem) => failed.abort(problem) })
  pod.onPod = (state) => {
    const now = stateOf(state)
    if (now) tell(now)
    if (now?.phase === 'creating' && !hasNode) {
      hasNode = true
      environment.warnings.follow(name, started.signal, (warning) => {
        tell({ phase: 'creating', detail: `${now.detail}: ${warning.reason}: ${warning.message}` })
        const problem = warningProblem(warning, about)
        if (problem) failed.abort(problem)
      })
    }
    if (isRunning(state)) turns.wake(path)
    if (tries < overtakenTries && isOvertaken(state)) isOver = true
    if (isOver) failed.abort(new EngineError('overtaken'))
    else judge.hear(state)
  }
  try {
    const keeper = spec.keep ? await environment.keepers.make(spec, name, anchor) : undefined
    const { annotations } = environment
    const body = podSpec({ spec, settings, anchor, keeper, annotations, hash: link.hash })
    const named = { ...body, metadata: { ...(body as { metadata: object }).metadata, name } }
    await createPod({ client, pods, body: named, leftAt: environment.leftAt }, signal)
    signal.throwIfAborted()
    await link.open(AbortSignal.any([signal, failed.signal]))
    turns.arrive(path)
    pod.onPod = () => {}
    report({ phase: 'booting' })
    const setup = {
      argv: ['node', archive.program],
      cwd: spec.code.path,
      orphanGraceMs: environment.orphanGraceMs,
      ...(spec.keep && { keep: true }),
    }
    void pod.deliver(setup, archive.pieces)
    return pod.worker
  } catch (error) {
    turns.leave(path)
    pod.onPod = () => {}
    pod.expectRemoval()
    link.close()
    const removals = [removePod(client, path, 0), ...(spec.keep ? [environment.keepers.remove(name)] : [])]
    const notRemoved = (await Promise.allSettled(removals)).find((one) => one.status === 'rejected')
    pod.markDeleted()
    environment.forget(pod)
    // Why it could not be started comes before why something of it may be left, which goes with its owner.
    if (!isOver || signal.aborted) throw error
    if (notRemoved) throw notRemoved.reason
    return undefined
  } finally {
    judge.close()
    started.abort()
  }
}

/** What a pod that does not run yet waits for. */
function stateOf(pod: Pod): StartPhase | undefined {
  const waits = unscheduled(pod)
  if (waits !== undefined) return { phase: 'waiting', detail: waits }
  const node = pod.spec?.nodeName
  if (node === undefined || isRunning(pod) || hasTerminated(pod)) return undefined
  const words = waitsOnNode(pod)
  return { phase: 'creating', detail: `on node ${node}${words && `: ${words}`}` }
}

/** Idempotent. With a grace of 0 the cluster forgets it at once, and ends what still runs. */
export async function removePod(client: ApiClient, path: string, graceSeconds: number): Promise<void> {
  try {
    await client.call('DELETE', path, { query: { gracePeriodSeconds: graceSeconds } })
  } catch (error) {
    if (!isMissing(error)) throw connectionError(error, client.cluster)
  }
}
