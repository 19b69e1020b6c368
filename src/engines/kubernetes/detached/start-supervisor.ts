/** From a plan to a supervisor that has begun its run: its Job is created, its pod connected to, given its code and told what to do. */
import { readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import type { DetachedStart } from '../../../core/detached.ts'
import type { StartPhase } from '../../../core/engine.ts'
import { EngineError } from '../../../core/errors.ts'
import { codePath } from '../../delivery/code-layout.ts'
import { ApiError, type StartOf } from '../api-error.ts'
import { makeArchive } from '../archive.ts'
import { isRunning, startProblem, unscheduled } from '../conditions.ts'
import { ConnectTurns } from '../connect-turns.ts'
import { createJob } from '../create-job.ts'
import { Link } from '../link.ts'
import { Warnings } from '../warnings.ts'
import { PodWatch } from '../pod-watch.ts'
import { PodWorker } from '../pod-worker.ts'
import type { DetachedOptions } from './detached-supervisors.ts'
import type { DetachedPlace } from './place.ts'
import { detachedLabel, endSeconds, opensBy, supervisorJob } from './supervisor-job.ts'

export interface SupervisorStart extends DetachedStart {
  readonly account: string
  readonly about: StartOf
  /** Paths in the API. */
  readonly pods: string
  readonly jobs: string
}

type Report = (phase: StartPhase) => void

const archiveFile = '/cowait/archive'
/** Before the cluster's kill the supervisor's own program ends what is left. */
const graceMs = (endSeconds - 5) * 1000
const keptSeconds = 3600

/** Rejects with what the cluster or the program says; the Job may be there then. */
export async function startSupervisor(
  start: SupervisorStart,
  { client, settings, runtimeDirectory }: DetachedOptions,
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  const { run, task, tree, plan, account, about, pods, jobs } = start
  report({ phase: 'preparing' })
  const [archive, program] = await Promise.all([
    makeArchive(tree, runtimeDirectory, signal, { supervisor: true }),
    readFile(join(runtimeDirectory, 'pod.js')),
  ])
  await using supervisor = new SupervisorPod({ client, run, pods, program, about, report }, signal)
  await supervisor.watch()
  report({ phase: 'creating' })
  const { hash } = supervisor.link
  const { name, uid } = await createJob(client, jobs, {
    body: supervisorJob({ run, task, account, settings, hash, hasAbove: archive.hasAbove }),
    labelSelector: `${detachedLabel}=${run}`,
    isOurs: (job) => opensBy(job, hash),
    signal,
  })
  await supervisor.connect()
  report({ phase: 'booting' })
  const place: DetachedPlace = {
    namespace: about.namespace,
    job: { name, ...(uid !== undefined && { uid }) },
    archive: archiveFile,
    program: archive.program,
    hasAbove: archive.hasAbove,
  }
  const argv = ['node', posix.join(posix.dirname(archive.program), 'detached.js'), JSON.stringify(place)]
  const setup = { argv, cwd: codePath, orphanGraceMs: 0, detached: { archive: archiveFile, graceMs } }
  await supervisor.pod.deliver(setup, archive.pieces)
  // From here on its end is to be seen.
  await client.call('PATCH', `${jobs}/${run}`, {
    body: { spec: { ttlSecondsAfterFinished: settings.keepDetached ?? keptSeconds } },
    contentType: 'application/merge-patch+json',
    signal,
  })
  await supervisor.tell(plan)
}

interface PodOptions {
  readonly client: DetachedOptions['client']
  readonly run: string
  readonly pods: string
  readonly program: Buffer
  readonly about: StartOf
  readonly report: Report
}

/** The pod that the cluster makes for the Job, for as long as who started it speaks to it. */
class SupervisorPod implements AsyncDisposable {
  readonly link: Link
  readonly pod: PodWorker
  readonly #options: PodOptions
  readonly #turns = new ConnectTurns()
  readonly #failed = new AbortController()
  readonly #either: AbortSignal
  readonly #watch: PodWatch
  readonly #known: Promise<void>
  #path = ''

  constructor(options: PodOptions, signal: AbortSignal) {
    const { client, run, pods, program } = options
    this.#options = options
    this.#either = AbortSignal.any([signal, this.#failed.signal])
    const path = (): string => this.#path
    this.link = new Link({
      client,
      // Its name is the cluster's choice.
      get pod() {
        return path()
      },
      program,
      turns: this.#turns,
      onFrame: (type, payload) => this.pod.receive(type, payload),
      onRoom: () => this.pod.hasRoom(),
      onLost: (why) => void this.pod.lose(why),
    })
    this.pod = new PodWorker({ id: run, name: run, memoryLimit: undefined, keep: false }, () => this.link)
    let know!: () => void
    this.#known = new Promise((resolve) => (know = resolve))
    this.#watch = new PodWatch({
      client,
      path: pods,
      labelSelector: `${detachedLabel}=${run}`,
      onPod: (state) => {
        this.#path ||= `${pods}/${state.metadata.name}`
        const waits = unscheduled(state)
        if (waits !== undefined) options.report({ phase: 'waiting', detail: waits })
        if (isRunning(state)) this.#turns.wake(this.#path)
        const problem = this.link.session.hasHeard ? undefined : startProblem(state, options.about)
        if (problem) this.#failed.abort(problem)
        this.pod.hear(state)
        know()
      },
      onDeleted: () => this.pod.markDeleted(),
    })
  }

  watch(): Promise<void> {
    return this.#watch.open()
  }

  /** Resolves when the pod answers, which the Job makes that was created. */
  async connect(): Promise<void> {
    const { client, run, about } = this.#options
    new Warnings(client, { namespace: about.namespace, kind: 'Job' }).follow(run, this.#either, ({ reason, message }) => {
      if (reason === 'FailedCreate' && this.#path === '') this.#failed.abort(new ApiError(422, { message }))
    })
    await this.#unlessAborted(this.#known)
    await this.link.open(this.#either)
  }

  /** Resolves when its program has begun what the plan says. */
  async tell(plan: readonly Uint8Array[]): Promise<void> {
    const { channel } = this.pod.worker
    for (const piece of plan) channel.write(piece)
    channel.end()
    await this.#unlessAborted(this.#firstWord())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#failed.abort(new Error('It goes on alone.'))
    this.pod.expectRemoval()
    this.link.close()
    await this.#watch.close()
  }

  async #firstWord(): Promise<void> {
    let said = ''
    for await (const chunk of this.pod.worker.channel as AsyncIterable<Buffer>) {
      said += chunk.toString('utf8')
      if (said.includes('\n')) break
    }
    if (said.startsWith('begun\n')) return
    const { how, code, signal, detail } = said === '' ? await this.pod.worker.exited : { how: said.trim() }
    const words = [how, code, signal, detail].filter((part) => part !== undefined).join(' ')
    throw new EngineError(`The supervisor of ${this.#options.run} ended before its run began: ${words}`)
  }

  async #unlessAborted<T>(promise: Promise<T>): Promise<T> {
    const signal = this.#either
    signal.throwIfAborted()
    let stop!: () => void
    const aborted = new Promise<never>((_resolve, reject) => {
      stop = () => reject(signal.reason as Error)
      signal.addEventListener('abort', stop, { once: true })
    })
    try {
      return await Promise.race([promise, aborted])
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }
}
