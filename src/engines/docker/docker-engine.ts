/**
 * The engine `docker`: a worker is a container, its channel the container's own standard input and output through the engine's attach
 * stream. It speaks to Docker, rootless Docker and Podman, on this host or another.
 *
 * 1. What is started is remembered from the moment its creation is asked for, so that a cancelled start finds what appears later.
 * 2. The events are listened to before the first container exists: auto-remove leaves no other witness of how one ended.
 * 3. Removing releases our own streams first (see attached-streams.ts).
 */
import { posix } from 'node:path'
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
import { EngineError } from '../../core/errors.ts'
import type { Tree, TreeRef } from '../../core/tree.ts'
import { ApiError, connectionError } from './api-error.ts'
import type { ApiInfo, ApiListed } from './api-types.ts'
import { checkSpec } from './check-spec.ts'
import { CodeDelivery, codePath } from './code-delivery.ts'
import { isAbandoned } from '../origin.ts'
import { withTimeLimit } from '../time-limit.ts'
import type { Container } from './container.ts'
import { keptPrefix } from './container-spec.ts'
import { engineUser } from './container-user.ts'
import { DockerClient } from './docker-client.ts'
import { parseEngineSettings, type DockerSettings } from './docker-settings.ts'
import { findEndpoint, type Endpoint } from './endpoint.ts'
import { EventStream } from './event-stream.ts'
import { startExec } from './exec-session.ts'
import { Images } from './images.ts'
import { IsolatedNetwork } from './isolated-network.ts'
import { label, originPrefix, ownerLabels } from './labels.ts'
import { keepSignal } from './launch-line.ts'
import { removeContainer, within } from './removal.ts'
import { readUsage } from './stats.ts'
import { startContainer, type StartEnvironment } from './start-container.ts'
import { StartWidth } from './start-width.ts'
import { isKept, pruneVolumes, sweep } from './sweep.ts'
import { UserVolumes } from './user-volumes.ts'

export interface DockerEngineOptions {
  readonly owner: SupervisorId
  /** The folder of this host that holds our own built files: `worker.js`, `index.js` and what they load. */
  readonly runtimeDirectory: string
  /** See `DockerSettings`. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** Where DOCKER_HOST and its like are looked up; the process's own unless told. */
  readonly env?: NodeJS.ProcessEnv
  /** How long finding the engine may take. */
  readonly connectMs?: number
  /** Ends the search for the engine. */
  readonly signal?: AbortSignal | undefined
  /** How long the engine may be silent when it is asked something; 2 minutes unless told. */
  readonly answerMs?: number
  /** Workers are going to be started: what they need is made while the engine is still being asked what it is. */
  readonly prepare?: boolean
}

export interface DockerEngine extends Engine {
  /** Removes the volumes that code was delivered in and that no container uses. Answers how many went. */
  prune(): Promise<number>
}

const capabilities: Capabilities = {
  kill: true,
  output: true,
  image: true,
  limits: 'enforced',
  gpu: true,
  volumes: true,
  ports: true,
  exec: true,
  lease: false,
}

/** A daemon under load takes its time. */
const autoRemoveMs = 2000

/** Where many supervisors start at once, a network without a container may be about to get one. */
const youngMs = 60_000

/** How many containers are asked for their use at once. */
const statsAtOnce = 8

/** How long a worker has that lost its supervisor. */
const orphanGraceSeconds = 2

/**
 * Finds the engine and speaks to it. Throws a `UsageError` for a setting that cannot be, and an `EngineError` when no engine answers,
 * or none that will do.
 */
export async function createDockerEngine(options: DockerEngineOptions): Promise<DockerEngine> {
  const { settings = {}, env = process.env, connectMs = 30_000, signal: outer } = options
  const parsed = parseEngineSettings(settings)
  const endpoint = await findEndpoint(parsed, env)
  const late = connectionError(new DOMException('The time is over.', 'TimeoutError'), endpoint)
  return await withTimeLimit({ ms: connectMs, late, outer }, (signal) => open({ ...options, settings: parsed, env }, endpoint, signal))
}

async function open(
  {
    owner,
    runtimeDirectory,
    settings,
    env,
    answerMs,
    prepare = false,
  }: Omit<DockerEngineOptions, 'settings'> & Pick<Parts, 'settings' | 'env'>,
  endpoint: Endpoint,
  signal: AbortSignal,
): Promise<DockerEngine> {
  const client = await DockerClient.connect(endpoint, signal, { answerMs })
  const network = new IsolatedNetwork(client)
  // Whoever starts a worker hears of what is wrong with it.
  if (prepare && settings.network === undefined) network.ensure(signal).catch(() => {})
  try {
    const asked = client.call<ApiInfo>('GET', '/info', { signal })
    // Loading what knows of time zones takes 15 ms, in which the engine answers.
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
    return new Docker({ owner, runtimeDirectory, settings, client, network, prepare, info: await asked, env, timeZone })
  } catch (error) {
    await network.release().catch(() => {})
    client.close()
    throw connectionError(error, endpoint)
  }
}

interface Parts {
  readonly owner: SupervisorId
  readonly runtimeDirectory: string
  readonly settings: DockerSettings
  readonly client: DockerClient
  readonly network: IsolatedNetwork
  readonly prepare: boolean
  readonly info: ApiInfo
  readonly env: NodeJS.ProcessEnv
  readonly timeZone: string
}

/**
 * How many containers start at once. Measured with 24 starts on 2 cores, in an isolated network: one after another 560 ms a start, two at
 * once 454, three 373, four 321, six 349, eight 411, sixteen 470. The kernel's making of networks is what they wait for.
 */
function startWidth(cores: number): number {
  return Math.max(2, cores * 2)
}

class Docker implements DockerEngine {
  readonly name = 'docker'
  readonly capabilities: Capabilities
  readonly #owner: SupervisorId
  readonly #client: DockerClient
  readonly #settings: DockerSettings
  readonly #runtimeDirectory: string
  readonly #info: ApiInfo
  readonly #labels: Readonly<Record<string, string>>
  readonly #environment: StartEnvironment
  readonly #events: EventStream
  readonly #network: IsolatedNetwork
  readonly #isBusy: boolean
  readonly #width: StartWidth
  readonly #deliveries = new Map<string, CodeDelivery>()
  /** By the engine's id and by the worker's. */
  readonly #containers = new Map<string, Container>()
  readonly #workers = new Map<WorkerId, Container>()
  readonly #starting = new Map<WorkerId, Promise<unknown>>()

  constructor({ owner, runtimeDirectory, settings, client, network, prepare, info, env, timeZone }: Parts) {
    this.#owner = owner
    this.#client = client
    this.#settings = settings
    this.#runtimeDirectory = runtimeDirectory
    this.#info = info
    this.#labels = ownerLabels(owner)
    // Only a connection that crosses a network can be half-open.
    this.capabilities = { ...capabilities, lease: client.endpoint.kind !== 'unix' }
    this.#events = new EventStream(client, owner, (event) => {
      this.#containers.get(event.container)?.hear(event)
    })
    this.#network = network
    this.#isBusy = prepare
    this.#width = new StartWidth(startWidth(info.NCPU))
    this.#environment = {
      client,
      info,
      settings,
      images: new Images(client, info.Architecture, env),
      network: this.#network,
      volumes: new UserVolumes(client, this.#labels),
      events: this.#events,
      ownerLabels: this.#labels,
      defaultUser: engineUser(info, client.endpoint),
      orphanGraceSeconds,
      timeZone,
      // Podman's networks are for containers that were started in one.
      joinsLate: !client.isPodman,
      remember: (container) => {
        this.#containers.set(container.facts.containerId, container)
        this.#workers.set(container.facts.id, container)
        void container.gone.then(() => this.#forget(container))
      },
    }
  }

  check(spec: Omit<WorkerSpec, 'id' | 'owner' | 'code'>): void {
    checkSpec(spec, this.#settings)
  }

  async provide(tree: Tree, signal: AbortSignal): Promise<TreeRef> {
    signal.throwIfAborted()
    if (!this.#deliveries.has(tree.hash)) {
      const { ID } = this.#info
      const options = { client: this.#client, engineId: ID, labels: this.#labels, runtimeDirectory: this.#runtimeDirectory }
      this.#deliveries.set(tree.hash, new CodeDelivery(tree, options))
    }
    return { hash: tree.hash, path: codePath, cwd: posix.resolve(codePath, this.#settings.workdir ?? '.') }
  }

  async start(spec: WorkerSpec, signal: AbortSignal, report: (phase: StartPhase) => void): Promise<Worker> {
    signal.throwIfAborted()
    const delivery = this.#deliveries.get(spec.code.hash)
    if (delivery === undefined) throw new Error(`Bug: ${spec.name} wants the tree ${spec.code.hash}, which was not provided.`)
    // A signal of its own: a supervisor may start hundreds under one, and each start waits for several things.
    const own = AbortSignal.any([signal])
    const started = startContainer({ spec, delivery, width: this.#width, environment: this.#environment }, own, report)
    this.#starting.set(
      spec.id,
      started.catch(() => {}),
    )
    try {
      return await started
    } finally {
      this.#starting.delete(spec.id)
    }
  }

  async list({ owner, id }: WorkerFilter): Promise<WorkerInfo[]> {
    const labels = [label.worker + (id === undefined ? '' : `=${id}`), ...(owner === undefined ? [] : [`${label.owner}=${owner}`])]
    const listed = await this.#listed(labels)
    const abandoned = await Promise.all(listed.map(({ Labels }) => isAbandoned(Labels, originPrefix)))
    return listed.map((one, index) => ({
      id: one.Labels[label.worker] ?? '',
      owner: one.Labels[label.owner] ?? '',
      name: one.Labels[label.name] ?? '',
      createdAt: one.Created * 1000,
      ...(isKept(one) && { kept: true }),
      ...(abandoned[index] && { abandoned: true }),
    }))
  }

  async remove(id: WorkerId, graceMs: number): Promise<void> {
    await this.#starting.get(id)
    const container = this.#workers.get(id)
    if (container !== undefined) {
      container.streams?.release()
      container.expectSignal()
      const { facts, exited, gone } = container
      // The engine removes by itself what has ended.
      if (container.hasExited && !facts.keep) await within(gone, autoRemoveMs)
      if (!container.isGone) {
        const grace = container.hasExited ? 0 : graceMs
        await removeContainer(this.#client, { containerId: facts.containerId, graceMs: grace, exited, gone })
        await container.markRemoved()
      }
      container.streams?.destroy()
      return
    }
    const never = new Promise<never>(() => {})
    for (const one of await this.#listed([`${label.worker}=${id}`])) {
      if (one.Labels[label.owner] !== this.#owner && !isKept(one)) continue
      await removeContainer(this.#client, { containerId: one.Id, graceMs, exited: never, gone: never })
    }
  }

  async keep(id: WorkerId): Promise<void> {
    const facts = this.#workers.get(id)?.facts
    if (facts === undefined) throw new EngineError(`Worker ${id} cannot be kept: its container is gone.`)
    if (!facts.keep) throw new EngineError(`Worker ${id} cannot be kept: it was not started so.`)
    const path = `/containers/${facts.containerId}`
    try {
      // In this order: what was told, but not named yet when the supervisor died, is swept.
      await this.#client.call('POST', `${path}/kill`, { query: { signal: keepSignal } })
      await this.#client.call('POST', `${path}/rename`, { query: { name: keptPrefix + facts.name } })
    } catch (error) {
      if (!(error instanceof ApiError)) throw connectionError(error, this.#client.endpoint)
      throw new EngineError(`Worker ${id} cannot be kept: ${error.message}`, { cause: error })
    }
  }

  async exec(id: WorkerId, options: ExecOptions, signal: AbortSignal): Promise<ExecSession> {
    const containerId = this.#workers.get(id)?.facts.containerId ?? (await this.#listed([`${label.worker}=${id}`]))[0]?.Id
    const hint = 'See what runs with "cowait ps".'
    if (containerId === undefined) throw new EngineError(`No worker ${id} is in the Docker engine.`, { hint })
    try {
      return await startExec(this.#client, containerId, { ...options, signal })
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof ApiError)) throw connectionError(error, this.#client.endpoint)
      throw new EngineError(`The Docker engine refused to run ${options.command[0]} beside ${id}: ${error.message}`, { cause: error, hint })
    }
  }

  async usage(ids: readonly WorkerId[]): Promise<ReadonlyMap<WorkerId, WorkerUsage>> {
    const wanted = new Set(ids)
    const used = new Map<WorkerId, WorkerUsage>()
    const rest = (await this.#listed([label.worker])).filter(({ Labels }) => wanted.has(Labels[label.worker] ?? '')).values()
    const read = async (): Promise<void> => {
      for (const { Id, Labels } of rest) {
        const usage = await readUsage(this.#client, Id).catch(() => undefined)
        if (usage) used.set(Labels[label.worker] ?? '', usage)
      }
    }
    await Promise.all(Array.from({ length: statsAtOnce }, read))
    return used
  }

  async sweep(options?: { readonly kept?: boolean }): Promise<number> {
    try {
      const workers = await sweep(this.#client, options)
      await this.#network.sweep(this.#isBusy ? youngMs : 0)
      return workers
    } catch (error) {
      throw connectionError(error, this.#client.endpoint)
    }
  }

  prune(): Promise<number> {
    return pruneVolumes(this.#client)
  }

  async close(): Promise<void> {
    await this.#events.close()
    for (const { streams } of this.#containers.values()) streams?.destroy()
    await this.#network.release().catch(() => {})
    this.#client.close()
  }

  async #listed(labels: readonly string[]): Promise<ApiListed[]> {
    try {
      return await this.#client.call<ApiListed[]>('GET', '/containers/json', {
        query: { all: true, filters: JSON.stringify({ label: labels }) },
      })
    } catch (error) {
      throw connectionError(error, this.#client.endpoint)
    }
  }

  #forget(container: Container): void {
    this.#containers.delete(container.facts.containerId)
    if (this.#workers.get(container.facts.id) === container) this.#workers.delete(container.facts.id)
  }
}
