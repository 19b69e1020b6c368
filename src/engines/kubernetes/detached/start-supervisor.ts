/** From a plan to a supervisor that has begun its run: its Job is created, its pod connected to, given its code and told what to do. */
import { readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import type { DetachedStart } from '../../../core/detached.ts'
import type { StartPhase } from '../../../core/engine.ts'
import { formatDuration } from '../../../core/duration.ts'
import { EngineError } from '../../../core/errors.ts'
import { ApiError, type StartOf } from '../api-error.ts'
import type { Metadata } from '../api-types.ts'
import { makeArchive, type Archive } from '../archive.ts'
import { isRunning, unscheduled, waitsFor, warningProblem } from '../conditions.ts'
import { ConnectTurns } from '../connect-turns.ts'
import { createJob } from '../create-job.ts'
import { Link } from '../link.ts'
import { Warnings } from '../warnings.ts'
import type { Setup } from '../pod-frames.ts'
import { archiveFile, podCode } from '../pod-folders.ts'
import { PodWatch } from '../pod-watch.ts'
import { PodWorker } from '../pod-worker.ts'
import { Refusals } from '../refusals.ts'
import { StartJudge } from '../start-judge.ts'
import type { DetachedOptions } from './detached-supervisors.ts'
import type { DetachedPlace } from './place.ts'
import { StartLease } from './start-lease.ts'
import { detachedLabel, endSeconds, handedOver, opensBy, supervisorJob } from './supervisor-job.ts'

export interface SupervisorStart extends DetachedStart {
  readonly account: string
  readonly about: StartOf
  /** Paths in the API. */
  readonly pods: string
  readonly jobs: string
}

type Report = (phase: StartPhase) => void

/** Before the cluster's kill the supervisor's own program ends what is left. */
const graceMs = (endSeconds - 5) * 1000
/** For a node to be found, an image to be pulled and a program to begin, where the run's options do not say. */
const defaultStartMs = 10 * 60_000
/** Of Node's. */
const longestTimerMs = 2 ** 31 - 1

/** Rejects with what the cluster or the program says; the Job may be there then. */
export async function startSupervisor(
  start: SupervisorStart,
  { client, settings, runtimeDirectory }: DetachedOptions,
  signal: AbortSignal,
  report: Report,
): Promise<void> {
  const { run, task, tree, plan, account, about, pods, jobs, startTimeoutMs = defaultStartMs } = start
  report({ phase: 'preparing' })
  const [archive, program] = await Promise.all([
    makeArchive(tree, runtimeDirectory, signal, { supervisor: true }),
    readFile(join(runtimeDirectory, 'pod.js')),
  ])
  await using supervisor = new SupervisorPod({ client, run, pods, program, about, report, startTimeoutMs }, signal)
  await supervisor.watch()
  report({ phase: 'creating' })
  const { hash } = supervisor.link
  {
    await using _lease = new StartLease(client, `${jobs}/${run}`)
    const metadata = await createJob(client, jobs, {
      body: supervisorJob({ run, task, account, settings, hash }),
      labelSelector: `${detachedLabel}=${run}`,
      isOurs: (job) => opensBy(job, hash),
      signal: supervisor.signal,
    })
    await supervisor.connect()
    report({ phase: 'booting' })
    await supervisor.deliver(setupOf(archive, metadata, about.namespace), archive.pieces)
    await supervisor.tell(plan)
  }
  // Its pod stays until we are gone, so a run that has ended by now can be read all the same.
  await client.call('PATCH', `${jobs}/${run}`, {
    body: handedOver(settings),
    contentType: 'application/merge-patch+json',
    signal: supervisor.signal,
  })
}

function setupOf({ program }: Archive, { name, uid }: Metadata, namespace: string): Setup {
  const place: DetachedPlace = { namespace, job: { name, ...(uid !== undefined && { uid }) }, archive: archiveFile, program }
  const argv = ['node', posix.join(posix.dirname(program), 'detached.js'), JSON.stringify(place)]
  return { argv, cwd: podCode, orphanGraceMs: 0, detached: { archive: archiveFile, graceMs } }
}

interface PodOptions {
  readonly client: DetachedOptions['client']
  readonly run: string
  readonly pods: string
  readonly program: Buffer
  readonly about: StartOf
  readonly report: Report
  readonly startTimeoutMs: number
}

/** The pod that the cluster makes for the Job, for as long as who started it speaks to it. */
class SupervisorPod implements AsyncDisposable {
  readonly link: Link
  readonly pod: PodWorker
  readonly #options: PodOptions
  readonly #turns = new ConnectTurns()
  readonly #failed = new AbortController()
  /** It answers: what its node warned of is of no interest any more. */
  readonly #arrived = new AbortController()
  #isFollowed = false
  readonly #patience: NodeJS.Timeout
  /** Aborts when its start has failed, or as whoever starts it says. */
  readonly signal: AbortSignal
  readonly #watch: PodWatch
  readonly #judge: StartJudge
  readonly #known: Promise<void>
  #path = ''
  /** For people: what its start waits for. */
  #waits = 'its Job has no pod yet'

  constructor(options: PodOptions, signal: AbortSignal) {
    const { client, run, pods, program, startTimeoutMs } = options
    this.#options = options
    this.signal = AbortSignal.any([signal, this.#failed.signal])
    this.#patience = setTimeout(() => this.#failed.abort(this.#late()), Math.min(startTimeoutMs, longestTimerMs))
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
    this.#judge = new StartJudge({ about: options.about, fail: (problem) => this.#failed.abort(problem) })
    const refusals = new Refusals()
    refusals.follow(this.signal, (error) => this.#failed.abort(error))
    let know!: () => void
    this.#known = new Promise((resolve) => (know = resolve))
    this.#watch = new PodWatch({
      client,
      path: pods,
      labelSelector: `${detachedLabel}=${run}`,
      refusals,
      onPod: (state) => {
        this.#path ||= `${pods}/${state.metadata.name}`
        this.#waits = waitsFor(state)
        const unplaced = unscheduled(state)
        if (unplaced !== undefined) options.report({ phase: 'waiting', detail: unplaced })
        if (isRunning(state)) this.#turns.wake(this.#path)
        if (!this.link.session.hasHeard) this.#judge.hear(state)
        if (state.spec?.nodeName !== undefined) this.#followWarnings(state.metadata.name)
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
    new Warnings(client, { namespace: about.namespace, kind: 'Job' }).follow(run, this.signal, ({ reason, message }) => {
      if (reason === 'FailedCreate' && this.#path === '') this.#failed.abort(new ApiError(422, { message }))
    })
    await this.#unlessAborted(this.#known)
    await this.link.open(this.signal)
    this.#arrived.abort()
    this.#judge.close()
  }

  /** Sends it its program. */
  async deliver(setup: Setup, pieces: readonly Buffer[]): Promise<void> {
    this.#waits = 'its pod runs, and its program has not begun'
    await this.#unlessAborted(this.pod.deliver(setup, pieces))
  }

  /** Resolves when its program has begun what the plan says. */
  async tell(plan: readonly Uint8Array[]): Promise<void> {
    const { channel } = this.pod.worker
    for (const piece of plan) channel.write(piece)
    channel.end()
    await this.#unlessAborted(this.#firstWord())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#patience)
    this.#judge.close()
    this.#failed.abort(new Error('It goes on alone.'))
    this.pod.expectRemoval()
    this.link.close()
    await this.#watch.close()
  }

  #followWarnings(pod: string): void {
    if (this.#isFollowed) return
    this.#isFollowed = true
    const { client, about } = this.#options
    const signal = AbortSignal.any([this.signal, this.#arrived.signal])
    new Warnings(client, { namespace: about.namespace, kind: 'Pod' }).follow(pod, signal, (warning) => {
      this.#waits = `its pod does not run yet: ${warning.reason}: ${warning.message}`
      const problem = warningProblem(warning, about)
      if (problem) this.#failed.abort(problem)
    })
  }

  #late(): EngineError {
    const { run, startTimeoutMs } = this.#options
    return new EngineError(`The supervisor of ${run} did not start within ${formatDuration(startTimeoutMs)}: ${this.#waits}`, {
      hint: 'See to what it waits for, or give it more time with "startTimeout".',
    })
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
    const { signal } = this
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
