/**
 * The engine `kubernetes`: a worker is a pod, its channel a stream through the API server to a port on the pod's loopback, or
 * from inside of the cluster straight to the pod's address (link.ts). Nothing of ours is installed in the cluster, and no pod gets a right.
 *
 * 1. All pods belong to one Job whose deadline the supervisor moves on (anchor.ts): a supervisor that is gone leaves nothing.
 * 2. What is started is remembered before its creation is asked for, and the watch is open by then.
 * 3. A worker is ended over the link first; then its pod is deleted. The other way round the process would outlive the object.
 */
import { readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type {
  Capabilities,
  Engine,
  ExecOptions,
  ExecSession,
  StartPhase,
  SupervisorId,
  Worker,
  WorkerFilter,
  WorkerId,
  WorkerInfo,
  WorkerSpec,
  WorkerUsage,
} from '../../core/engine.ts'
import type { DetachedSupervisors } from '../../core/detached.ts'
import type { Tree, TreeRef } from '../../core/tree.ts'
import { EngineError } from '../../core/errors.ts'
import { withTimeLimit } from '../time-limit.ts'
import { Anchor, longLeaseSeconds, shortLeaseSeconds } from './anchor.ts'
import { ApiClient } from './api-client.ts'
import { ApiError, connectionError } from './api-error.ts'
import type { Listed, Pod } from './api-types.ts'
import { makeArchive, readArchive, type Archive } from './archive.ts'
import { checkSpec } from './check-spec.ts'
import { ConnectTurns } from './connect-turns.ts'
import { KubernetesDetached } from './detached/detached-supervisors.ts'
import type { DetachedPlace } from './detached/place.ts'
import { connectDirect } from './direct-stream.ts'
import { directPort } from './direct-tls.ts'
import { startExec } from './exec-session.ts'
import { findCluster, type Cluster } from './kubeconfig.ts'
import { Keepers, mayBeKept } from './keepers.ts'
import { label, ownerAnnotations } from './labels.ts'
import type { Link } from './link.ts'
import { readUsage } from './pod-usage.ts'
import { podCode } from './pod-folders.ts'
import { PodWatch } from './pod-watch.ts'
import type { PodWorker } from './pod-worker.ts'
import { parseSettings, type KubernetesSettings } from './settings.ts'
import { Refusals } from './refusals.ts'
import { removePod, startPod, type StartEnvironment } from './start-pod.ts'
import { sweep } from './sweep.ts'
import { Warnings } from './warnings.ts'

export interface KubernetesEngineOptions {
  readonly owner: SupervisorId
  /** The folder of this host that holds our own built files. */
  readonly runtimeDirectory: string
  /** See `KubernetesSettings`. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** Where KUBECONFIG and its like are looked up; the process's own unless told. */
  readonly env?: NodeJS.ProcessEnv
  /** How long the cluster may take to answer. */
  readonly connectMs?: number
  /** Ends the search for the cluster. */
  readonly signal?: AbortSignal | undefined
  /** Gets what people should know while they wait for it: a code that a login wants to be typed in elsewhere. */
  readonly tell?: ((text: string) => void) | undefined
  /** The supervisor runs in a pod itself. */
  readonly place?: DetachedPlace | undefined
}

const capabilities: Capabilities = {
  kill: true,
  output: true,
  image: true,
  limits: 'enforced',
  gpu: true,
  volumes: true,
  ports: false,
  exec: true,
  // The pod's own program has one (session.ts).
  lease: false,
}

/** How long a worker has that lost its supervisor. */
const orphanGraceMs = 2000
/** From the kill to its word on it. */
const killedMs = 1000
/** From the deletion of a pod to the end of its process, where nothing is heard of that. */
const deletionSeconds = 1
const deletionMs = 15_000
/** For a new pod's own address to answer. */
const directMs = 10_000
/** For a pod to hear that it is to stay. */
const keepMs = 5000

/** Throws a `UsageError` for a setting that cannot be, and an `EngineError` when no cluster answers. */
export async function createKubernetesEngine({
  owner,
  runtimeDirectory,
  settings = {},
  env = process.env,
  connectMs = 10_000,
  signal,
  tell,
  place,
}: KubernetesEngineOptions): Promise<Engine> {
  const parsed = parseSettings(settings)
  const cluster = await findCluster(parsed.context, env)
  const client = new ApiClient(cluster, env, tell)
  const namespace = place?.namespace ?? parsed.namespace ?? cluster.namespace
  const engine = new Kubernetes({ owner, runtimeDirectory, settings: parsed, client, namespace, place })
  try {
    await engine.connect(connectMs, signal)
    return engine
  } catch (error) {
    await engine.close().catch(() => undefined)
    throw connectionError(error, cluster)
  }
}

interface Parts {
  readonly owner: SupervisorId
  readonly runtimeDirectory: string
  readonly settings: KubernetesSettings
  readonly client: ApiClient
  readonly namespace: string
  readonly place: DetachedPlace | undefined
}

interface Known {
  readonly pod: PodWorker
  readonly link: Link
}

class Kubernetes implements Engine {
  readonly name = 'kubernetes'
  readonly capabilities: Capabilities = capabilities
  readonly detached: DetachedSupervisors
  readonly #owner: SupervisorId
  readonly #client: ApiClient
  readonly #namespace: string
  readonly #pods: string
  readonly #runtimeDirectory: string
  readonly #settings: KubernetesSettings
  readonly #place: DetachedPlace | undefined
  readonly #watch: PodWatch
  readonly #anchor: Anchor
  readonly #keepers: Keepers
  readonly #environment: StartEnvironment
  readonly #archives = new Map<string, Promise<Archive>>()
  /** By the pod's name and by the worker's id. */
  readonly #named = new Map<string, PodWorker>()
  readonly #workers = new Map<WorkerId, Known>()
  readonly #starting = new Map<WorkerId, Promise<unknown>>()
  readonly #closing = new AbortController()
  #program: Promise<Buffer> | undefined
  #removedAt = -Infinity

  constructor({ owner, runtimeDirectory, settings, client, namespace, place }: Parts) {
    this.detached = new KubernetesDetached({ client, namespace, settings, runtimeDirectory })
    this.#place = place
    this.#owner = owner
    this.#client = client
    this.#settings = settings
    this.#runtimeDirectory = runtimeDirectory
    this.#namespace = namespace
    this.#pods = `/api/v1/namespaces/${namespace}/pods`
    const refusals = new Refusals()
    const isDirect = channelOf(settings, client.cluster) === 'direct'
    // Only inside may a supervisor go on without the API server for long.
    const leaseSeconds = isDirect && client.cluster.from === 'inside' ? longLeaseSeconds : shortLeaseSeconds
    this.#anchor = new Anchor(client, { namespace, owner, job: place?.job, refusals, leaseSeconds, settings })
    this.#keepers = new Keepers(client, namespace, settings)
    this.#watch = new PodWatch({
      client,
      path: this.#pods,
      labelSelector: `${label.owner}=${owner}`,
      refusals,
      onPod: (pod) => this.#named.get(pod.metadata.name)?.hear(pod),
      onDeleted: (pod) => this.#named.get(pod.metadata.name)?.markDeleted(),
    })
    this.#environment = {
      client,
      namespace,
      pods: this.#pods,
      settings,
      anchor: this.#anchor,
      keepers: this.#keepers,
      watch: this.#watch,
      warnings: new Warnings(client, { namespace, kind: 'Pod' }),
      refusals,
      turns: new ConnectTurns(),
      direct: isDirect ? { port: directPort, answerMs: directMs, connect: connectDirect } : undefined,
      annotations: ownerAnnotations(),
      program: () => (this.#program ??= readFile(join(runtimeDirectory, 'pod.js'))),
      orphanGraceMs,
      whyMissed: () => {
        const { missed } = this.#anchor
        return missed === undefined ? undefined : connectionError(missed, client.cluster).message
      },
      remember: (pod, link) => {
        this.#named.set(pod.facts.name, pod)
        this.#workers.set(pod.facts.id, { pod, link })
      },
      forget: (pod) => this.#forget(pod),
      leftAt: () => Math.max(this.#removedAt, ...[...this.#workers.values()].map(({ pod }) => pod.leftAt)),
    }
  }

  /** Asks the cluster whether it is there, for no longer than `ms`; a login before that has its own time. */
  async connect(ms: number, outer?: AbortSignal): Promise<void> {
    await this.#client.login(outer)
    const late = new DOMException('The time is over.', 'TimeoutError')
    const patienceMs = Math.min(ms, 2000)
    await withTimeLimit({ ms, late, outer }, (signal) => this.#client.call('GET', '/version', { signal, patienceMs }))
  }

  check(spec: Omit<WorkerSpec, 'id' | 'owner' | 'code'>): void {
    checkSpec(spec, this.#settings)
  }

  async provide(tree: Tree, signal: AbortSignal): Promise<TreeRef> {
    signal.throwIfAborted()
    if (!this.#archives.has(tree.hash)) {
      const archive = this.#place ? readArchive(this.#place) : makeArchive(tree, this.#runtimeDirectory, this.#closing.signal)
      archive.catch(() => this.#archives.delete(tree.hash))
      this.#archives.set(tree.hash, archive)
    }
    return { hash: tree.hash, path: podCode, cwd: posix.resolve(podCode, this.#settings.workdir ?? '.') }
  }

  async start(spec: WorkerSpec, signal: AbortSignal, report: (phase: StartPhase) => void): Promise<Worker> {
    signal.throwIfAborted()
    const archive = this.#archives.get(spec.code.hash)
    if (archive === undefined) throw new Error(`Bug: ${spec.name} wants the tree ${spec.code.hash}, which was not provided.`)
    // A signal of its own: a supervisor may start hundreds under one, and each start waits for several things.
    const started = startPod({ spec, archive, environment: this.#environment }, AbortSignal.any([signal]), report)
    this.#starting.set(
      spec.id,
      started.catch(() => undefined),
    )
    try {
      return await started
    } finally {
      this.#starting.delete(spec.id)
    }
  }

  async list({ owner, id }: WorkerFilter): Promise<WorkerInfo[]> {
    const labels = [label.worker + (id === undefined ? '' : `=${id}`), ...(owner === undefined ? [] : [`${label.owner}=${owner}`])]
    const { items } = await this.#listed(labels)
    const kept = await this.#kept(items, labels)
    return items.map(({ metadata: { name, labels: given = {}, creationTimestamp } }) => ({
      id: given[label.worker] ?? '',
      owner: given[label.owner] ?? '',
      name: given[label.name] ?? '',
      createdAt: Date.parse(creationTimestamp ?? ''),
      ...(kept.has(name) && { kept: true }),
    }))
  }

  async remove(id: WorkerId, graceMs: number): Promise<void> {
    await this.#starting.get(id)
    const known = this.#workers.get(id)
    if (known) return await this.#removeKnown(known, graceMs)
    const labels = [`${label.worker}=${id}`]
    const { items } = await this.#listed(labels)
    const kept = await this.#kept(items, labels)
    for (const { metadata } of items) {
      const isKept = kept.has(metadata.name)
      if (metadata.labels?.[label.owner] !== this.#owner && !isKept) continue
      await removePod(this.#client, `${this.#pods}/${metadata.name}`, isKept ? 0 : deletionSeconds)
      if (mayBeKept(metadata)) await this.#keepers.remove(metadata.name)
    }
  }

  async keep(id: WorkerId): Promise<void> {
    const pod = this.#workers.get(id)?.pod
    if (pod === undefined || pod.isGone) throw new EngineError(`Worker ${id} cannot be kept: its pod is gone.`)
    if (!pod.facts.keep) throw new EngineError(`Worker ${id} cannot be kept: it was not started so.`)
    // In this order: what was told to stay, but has no owner of its own yet when the supervisor dies, goes with the others.
    const hasHeard = await within(pod.askToStay(), keepMs)
    if (!hasHeard) throw new EngineError(`Worker ${id} cannot be kept: its pod has ended with it, or does not answer.`)
    try {
      await this.#keepers.keep(pod.facts.name)
    } catch (error) {
      if (!(error instanceof ApiError)) throw connectionError(error, this.#client.cluster)
      throw new EngineError(`Worker ${id} cannot be kept: ${error.message}`, { cause: error })
    }
  }

  async exec(id: WorkerId, options: ExecOptions, signal: AbortSignal): Promise<ExecSession> {
    const name = this.#workers.get(id)?.pod.facts.name ?? (await this.#listed([`${label.worker}=${id}`])).items.at(-1)?.metadata.name
    const hint = 'See what runs with "cowait ps".'
    if (name === undefined) throw new EngineError(`No worker ${id} is in namespace ${this.#namespace}.`, { hint })
    try {
      return await startExec(this.#client, `${this.#pods}/${name}`, { ...options, signal })
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof ApiError) || error.status === 401 || error.status === 403) throw connectionError(error, this.#client.cluster)
      throw new EngineError(`The cluster refused to run ${options.command[0]} beside ${id}: ${error.message}`, { cause: error, hint })
    }
  }

  async usage(ids: readonly WorkerId[]): Promise<ReadonlyMap<WorkerId, WorkerUsage>> {
    const wanted = new Set(ids)
    const { items } = await this.#listed([label.worker])
    const running = items.filter(({ status }) => status?.phase === 'Running')
    const paths = running.map(({ metadata: { name, labels = {} } }) => [labels[label.worker] ?? '', `${this.#pods}/${name}`] as const)
    return await readUsage(this.#client, new Map(paths.filter(([id]) => wanted.has(id))))
  }

  async sweep({ kept = false }: { readonly kept?: boolean } = {}): Promise<number> {
    try {
      return await sweep(this.#client, this.#namespace, kept)
    } catch (error) {
      throw connectionError(error, this.#client.cluster)
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    for (const { link } of this.#workers.values()) link.close()
    await this.#watch.close()
    await this.#anchor.close().catch(() => undefined)
    this.#client.close()
  }

  async #removeKnown({ pod, link }: Known, graceMs: number): Promise<void> {
    const { facts, over, gone } = pod
    const path = `${this.#pods}/${facts.name}`
    pod.expectRemoval()
    pod.askToEnd({ graceMs })
    // One that is being deleted, or out of reach, still runs; one that was deleted by force may, for a moment.
    if (!pod.isOver && link.session.isConnected) await within(Promise.race([over, gone]), graceMs + killedMs)
    if (!pod.isOver && pod.isGone && link.session.isConnected) await within(over, killedMs)
    if (!pod.isGone) {
      await removePod(this.#client, path, pod.isOver ? 0 : deletionSeconds)
      // Told by the watch; the second time the cluster is asked not to wait for its node.
      if (!pod.isOver) await within(Promise.race([gone, over]), deletionMs)
      if (!pod.isGone) await removePod(this.#client, path, 0)
    }
    if (facts.keep) await this.#keepers.remove(facts.name)
    pod.markDeleted()
    link.close()
    this.#forget(pod)
  }

  async #listed(labels: readonly string[]): Promise<Listed<Pod>> {
    try {
      return await this.#client.call<Listed<Pod>>('GET', this.#pods, { query: { labelSelector: labels.join(',') } })
    } catch (error) {
      throw connectionError(error, this.#client.cluster)
    }
  }

  /** The names of those that were kept; asked for only where one may be. */
  async #kept(pods: readonly Pod[], labels: readonly string[]): Promise<ReadonlySet<string>> {
    if (!pods.some(({ metadata }) => mayBeKept(metadata))) return new Set()
    return await this.#keepers.kept(labels)
  }

  #forget(pod: PodWorker): void {
    this.#removedAt = performance.now()
    if (this.#named.get(pod.facts.name) === pod) this.#named.delete(pod.facts.name)
    if (this.#workers.get(pod.facts.id)?.pod === pod) this.#workers.delete(pod.facts.id)
  }
}

/** Only from inside are the pods' addresses sure to be reached. */
function channelOf({ channel }: KubernetesSettings, { from }: Cluster): 'forward' | 'direct' {
  return channel ?? (from === 'inside' ? 'direct' : 'forward')
}

/** Waits for a promise, but not for long; false when that was not enough. */
async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const stop = new AbortController()
  const isInTime = promise.then(() => true)
  const result = await Promise.race([isInTime, pause(ms, false, { signal: stop.signal }).catch(() => false)])
  stop.abort()
  return result
}
