/** From a worker's spec to a worker that runs: image, network and code side by side, then create, attach, start. */
import { setTimeout as pause } from 'node:timers/promises'
import type { StartPhase, Worker, WorkerSpec } from '../../core/engine.ts'
import { ApiError, startError } from './api-error.ts'
import type { ApiContainer, ApiInfo } from './api-types.ts'
import { AttachedStreams } from './attached-streams.ts'
import { checkRoom, checkSpec, mib } from './check-spec.ts'
import type { CodeDelivery, CodeMounts } from './code-delivery.ts'
import { Container } from './container.ts'
import { containerName, containerSpec } from './container-spec.ts'
import { containerUser } from './container-user.ts'
import type { DockerClient } from './docker-client.ts'
import { defaultImage, type DockerSettings, type DockerWorkerSettings } from './docker-settings.ts'
import { EndMark } from './end-mark.ts'
import type { EventStream } from './event-stream.ts'
import type { Image, Images } from './images.ts'
import type { IsolatedNetwork } from './isolated-network.ts'
import { joinIsolated, JoinRefused, tellsOf } from './late-network.ts'
import { hostPlatform, isSamePlatform } from './platform.ts'
import { removeContainer } from './removal.ts'
import type { StartWidth } from './start-width.ts'
import type { UserVolumes } from './user-volumes.ts'

/** What all starts of one engine share. */
export interface StartEnvironment {
  readonly client: DockerClient
  readonly info: ApiInfo
  readonly settings: DockerSettings
  readonly images: Images
  readonly network: IsolatedNetwork
  readonly volumes: UserVolumes
  readonly events: EventStream
  readonly ownerLabels: Readonly<Record<string, string>>
  readonly defaultUser: string
  readonly orphanGraceSeconds: number
  readonly timeZone: string
  /** Whether running containers may join a network; false from the first refusal on. */
  joinsLate: boolean
  remember(container: Container): void
}

interface Start {
  readonly spec: WorkerSpec
  readonly delivery: CodeDelivery
  readonly width: StartWidth
  readonly environment: StartEnvironment
}

type Report = (phase: StartPhase) => void

/** How long a cancelled start may take to remove what it made. */
const cleanUpMs = 15_000

/** How often a start is tried again when another supervisor removed the network between two of its steps. */
const networkTries = 8

/** Rejects with an `EngineError`, or as the signal says; then nothing is left of it. */
export async function startContainer({ spec, delivery, width, environment }: Start, signal: AbortSignal, report: Report): Promise<Worker> {
  const { client, info, settings: engine, images, network, volumes, events } = environment
  const settings = checkSpec(spec, engine)
  checkRoom(spec, info)
  const imageName = spec.image ?? engine.image ?? defaultImage
  try {
    report({ phase: 'preparing' })
    const wish = { name: imageName, policy: settings.pull ?? 'missing', platform: settings.platform } as const
    const found = images.find(wish, signal, report)
    const isIsolated = settings.network === undefined
    // Ports are opened, and names of hosts written, by a start in a network.
    const canJoin = isIsolated && Object.keys(spec.ports).length === 0 && settings.extraHosts === undefined
    const early = isIsolated ? network.ensure(signal) : undefined
    early?.catch(() => {})
    const failed = new AbortController()
    const delivered = delivery.mounts(() => found.then(({ id }) => id), AbortSignal.any([signal, failed.signal]), report)
    let [image, code] = await Promise.all([found, delivered, events.open(), volumes.check(spec, signal)]).catch(async (error: unknown) => {
      // What looks at folders or fills volumes is a container, and goes first.
      failed.abort()
      await delivered.catch(() => {})
      throw error
    })
    if (!isSamePlatform(image.platform, hostPlatform())) {
      const warning = delivery.foreignAddons(image.platform)
      if (warning !== undefined) report({ phase: 'preparing', detail: warning })
    }
    await volumes.open(spec, image.id, containerUser(settings.user, image.user, environment.defaultUser), signal)
    const creation = { spec, delivery, environment, settings, imageName }
    let isNew = false
    for (let tries = 1; ; tries++) {
      const joinsLate = canJoin && environment.joinsLate
      const networkId = isIsolated && !joinsLate ? await network.ensure(signal) : undefined
      const creating = { ...creation, image, code, networkId, joinsLate }
      const create = (): Promise<Worker> => createAndStart(creating, signal, report)
      try {
        const started = width.run(create, signal, () => report({ phase: 'waiting', detail: 'other containers are being started' }))
        return await soonAfter(started, signal)
      } catch (error) {
        if (error instanceof CodeUnseen) {
          delivery.doubt()
          code = await delivery.mounts(() => Promise.resolve(image.id), signal, report)
        } else if (isGone(error) && !isNew) {
          // It was removed since it was found; its tag may be another image's by now.
          images.forget(wish)
          image = await images.find(wish, signal, report)
          isNew = true
        } else if (error instanceof JoinRefused) environment.joinsLate = false
        else if (networkId === undefined || !tellsOf(networkId, error) || tries === networkTries) throw error
        else network.forget(networkId)
      }
    }
  } catch (error) {
    signal.throwIfAborted()
    throw startError(error, { name: spec.name, image: imageName }, client.endpoint)
  }
}

/**
 * As the work ends, or the signal's reason when the work has not cleaned up a while after that. It goes on doing so; but a daemon that
 * hangs must not hang its caller.
 */
async function soonAfter<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const done = new AbortController()
  const late = new Promise<never>((_resolve, reject) => {
    const giveUp = (): void =>
      void pause(cleanUpMs, undefined, { signal: done.signal, ref: false }).then(
        () => reject(signal.reason as Error),
        () => {},
      )
    if (signal.aborted) giveUp()
    else signal.addEventListener('abort', giveUp, { once: true, signal: done.signal })
  })
  try {
    return await Promise.race([work, late])
  } finally {
    done.abort()
    work.catch(() => {})
  }
}

function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404 && /no such image/i.test(error.message)
}

/** The container would not have had the program of this host. */
class CodeUnseen extends Error {}

interface Creation {
  readonly spec: WorkerSpec
  readonly delivery: CodeDelivery
  readonly environment: StartEnvironment
  readonly settings: DockerWorkerSettings
  readonly image: Image
  readonly imageName: string
  readonly code: CodeMounts
  /** Of the isolated network, where the worker starts in it. */
  readonly networkId: string | undefined
  /** It starts without a network and joins the isolated one then. */
  readonly joinsLate: boolean
}

async function createAndStart(creation: Creation, signal: AbortSignal, report: Report): Promise<Worker> {
  const { spec, delivery, environment, settings, image, imageName, code } = creation
  const { client, info } = environment
  signal.throwIfAborted()
  report({ phase: 'creating' })
  const endMark = spec.keep ? new EndMark() : undefined
  const body = containerSpec({
    ...creation,
    codeMounts: code.mounts,
    ownerLabels: environment.ownerLabels,
    defaultUser: environment.defaultUser,
    timeZone: environment.timeZone,
    program: delivery.layout.program,
    securityOptions: info.SecurityOptions?.some((option) => option.includes('name=selinux')) ? ['label=disable'] : [],
    graceSeconds: environment.orphanGraceSeconds,
    endMark,
  })
  // Not to be given up half-way: a container that the engine makes after that would belong to nobody.
  const name = containerName(spec)
  const query = { name, platform: settings.platform }
  const { Id } = await client.call<{ Id: string }>('POST', '/containers/create', { query, body }).catch((error: unknown) => {
    const others = spec.mounts.flatMap((mount) => ('bind' in mount ? [mount.bind] : []))
    throw code.prove && delivery.saysUnseen(error, others) ? new CodeUnseen() : error
  })
  const memoryLimit = spec.resources.memoryLimit === undefined ? undefined : mib(spec.resources.memoryLimit)
  const warning = (): string | undefined => delivery.foreignAddons(image.platform)
  const facts = { id: spec.id, containerId: Id, name, image: imageName, memoryLimit, keep: spec.keep === true, warning }
  const container = new Container(client, facts)
  environment.remember(container)
  let streams: AttachedStreams | undefined
  try {
    signal.throwIfAborted()
    if (code.prove && !(await code.prove(Id))) throw new CodeUnseen()
    const query = { stream: true, stdin: true, stdout: true, stderr: true }
    const { socket, head } = await client.upgrade(`/containers/${Id}/attach`, { query })
    streams = new AttachedStreams(socket, head, endMark)
    await client.call('POST', `/containers/${Id}/start`)
    signal.throwIfAborted()
    const worker = container.attach(streams)
    if (creation.joinsLate) await joinIsolated(client, container, environment.network, signal)
    signal.throwIfAborted()
    report({ phase: 'booting', ...(await openPorts(client, Id, spec)) })
    return worker
  } catch (error) {
    container.expectSignal()
    streams?.destroy()
    await removeContainer(client, { containerId: Id, graceMs: 0, exited: container.exited, gone: container.gone })
    container.markGone()
    throw error
  }
}

/** Where the ports were opened, which for a free one only the engine knows. */
async function openPorts(client: DockerClient, containerId: string, { ports }: WorkerSpec): Promise<{ detail?: string }> {
  if (Object.keys(ports).length === 0) return {}
  const { NetworkSettings } = await client.call<ApiContainer>('GET', `/containers/${containerId}/json`)
  const opened = Object.entries(NetworkSettings?.Ports ?? {}).flatMap(([inside, bindings]) =>
    (bindings ?? []).slice(0, 1).map(({ HostIp, HostPort }) => `port ${inside.replace('/tcp', '')} at ${HostIp}:${HostPort}`),
  )
  return { detail: opened.join(', ') }
}
