/**
 * Supervisors in pods of their own. One is a Job whose pod has the rights of an account that the user names; it owns what it makes, and
 * the cluster removes all of that with it. Its program comes to it as a worker's does, then it goes on alone; what it prints is the
 * pod's log, by which it is followed, also after its end.
 */
import type { Duplex } from 'node:stream'
import type { DetachedInfo, DetachedStart, DetachedSupervisors } from '../../../core/detached.ts'
import type { StartPhase } from '../../../core/engine.ts'
import { EngineError, UsageError } from '../../../core/errors.ts'
import type { ApiClient } from '../api-client.ts'
import { connectionError, isMissing, isTaken, startError } from '../api-error.ts'
import type { Job, Listed, Metadata, Pod } from '../api-types.ts'
import { exitOf } from '../conditions.ts'
import { startExec } from '../exec-session.ts'
import { imageOf } from '../pod-spec.ts'
import type { KubernetesSettings } from '../settings.ts'
import { podLog, type LogOptions } from './pod-log.ts'
import { Remainder } from './remainder.ts'
import { startSupervisor } from './start-supervisor.ts'
import { detachedLabel, taskAnnotation } from './supervisor-job.ts'

export interface DetachedOptions {
  readonly client: ApiClient
  readonly namespace: string
  readonly settings: KubernetesSettings
  readonly runtimeDirectory: string
}

/** Finds the one control socket in the pod, and joins it with our streams. */
const bridge = `const f=require("fs"),r="/tmp/cowait-"+process.getuid()
const path=f.readdirSync(r).map(n=>r+"/"+n+"/control.sock").find(p=>f.existsSync(p))
const s=require("net").connect(path);process.stdin.pipe(s);s.pipe(process.stdout);s.on("close",()=>process.exit()).on("error",()=>process.exit(1))`

export class KubernetesDetached implements DetachedSupervisors {
  readonly #options: DetachedOptions
  readonly #pods: string
  readonly #jobs: string

  constructor(options: DetachedOptions) {
    this.#options = options
    this.#pods = `/api/v1/namespaces/${options.namespace}/pods`
    this.#jobs = `/apis/batch/v1/namespaces/${options.namespace}/jobs`
  }

  async start(start: DetachedStart, signal: AbortSignal, report: (phase: StartPhase) => void): Promise<void> {
    const { client, namespace, settings } = this.#options
    const account = settings.supervisorAccount
    if (account === undefined) {
      throw new UsageError(
        'A detached supervisor starts pods itself, so it needs a service account with the rights for that: set "supervisorAccount" ' +
          'in cowait.config (docs/kubernetes.md has the Role).',
      )
    }
    const about = { name: start.run, image: imageOf({}, settings), namespace }
    try {
      await startSupervisor({ ...start, account, about, pods: this.#pods, jobs: this.#jobs }, this.#options, signal, report)
    } catch (error) {
      // Somebody else's stays.
      if (!isTaken(error)) await this.remove(start.run).catch(() => undefined)
      signal.throwIfAborted()
      throw startError(error, about, client.cluster)
    }
  }

  async list(signal?: AbortSignal): Promise<DetachedInfo[]> {
    const { namespace, client } = this.#options
    const query = { labelSelector: detachedLabel }
    try {
      const [jobs, pods] = await Promise.all([
        client.call<Listed<Job>>('GET', this.#jobs, { query, signal }),
        client.call<Listed<Pod>>('GET', this.#pods, { query, signal }),
      ])
      const podOf = new Map(pods.items.map((pod) => [runOf(pod.metadata), pod]))
      return jobs.items
        .map(({ metadata }) => infoOf(metadata, podOf.get(runOf(metadata)), namespace))
        .toSorted((a, b) => a.createdAt - b.createdAt)
    } catch (error) {
      throw connectionError(error, client.cluster)
    }
  }

  async *lines(run: string, options: LogOptions): AsyncGenerator<string, void> {
    const { client } = this.#options
    try {
      yield* podLog(client, await this.#podOf(run, options.signal), options)
    } catch (error) {
      options.signal.throwIfAborted()
      throw connectionError(error, client.cluster)
    }
  }

  async connect(run: string, signal: AbortSignal): Promise<Duplex> {
    const { client } = this.#options
    try {
      const session = await startExec(client, await this.#podOf(run, signal), { command: ['node', '-e', bridge], signal })
      void drain(session.errors)
      session.channel.once('close', () => void session.close())
      return session.channel
    } catch (error) {
      signal.throwIfAborted()
      throw connectionError(error, client.cluster)
    }
  }

  async remove(run: string, signal?: AbortSignal): Promise<boolean> {
    const { client } = this.#options
    try {
      const left = signal && (await Remainder.of(run, { client, pods: this.#pods, jobs: this.#jobs, signal }))
      await client.call('DELETE', `${this.#jobs}/${run}`, { query: { propagationPolicy: 'Background' } }).catch((error: unknown) => {
        if (!isMissing(error)) throw error
      })
      return (await left?.gone()) ?? false
    } catch (error) {
      throw connectionError(error, client.cluster)
    }
  }

  /** Its pod's path in the API. */
  async #podOf(run: string, signal: AbortSignal): Promise<string> {
    const query = { labelSelector: `${detachedLabel}=${run}` }
    const { items } = await this.#options.client.call<Listed<Pod>>('GET', this.#pods, { query, signal })
    const name = items.at(-1)?.metadata.name
    if (name !== undefined) return `${this.#pods}/${name}`
    throw new EngineError(`The pod of ${run} is not in namespace ${this.#options.namespace} any more.`, {
      hint: 'It was deleted, or its time was over ("keepDetached").',
    })
  }
}

function infoOf(job: Metadata, pod: Pod | undefined, namespace: string): DetachedInfo {
  const phase = pod?.status?.phase
  const exit = pod && exitOf(pod, undefined)
  const hasFault = exit !== undefined && exit.how !== 'exited'
  return {
    run: runOf(job),
    task: job.annotations?.[taskAnnotation] ?? '',
    createdAt: Date.parse(job.creationTimestamp ?? ''),
    state: phase === 'Running' ? 'running' : phase === 'Succeeded' || phase === 'Failed' || job.deletionTimestamp ? 'ended' : 'starting',
    place: `namespace ${namespace}`,
    ...(hasFault && { fault: exit.detail ?? `its pod ended: ${exit.how}` }),
  }
}

function runOf({ labels = {} }: Metadata): string {
  return labels[detachedLabel] ?? ''
}

async function drain(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of bytes);
}
