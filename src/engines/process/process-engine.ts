/**
 * The engine `process`: a worker is a child process of the supervisor, with the files and the network of the host. It needs
 * nothing but Node. What belongs to it is found by a mark in its environment (marker.ts), and one guard (guard.ts) ends it all
 * when the supervisor is gone.
 *
 * On macOS, which shows no other process's environment, a subprocess that leaves its worker's process group is not ended with it,
 * `list` knows the workers of this engine alone, and `sweep` removes folders only.
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type {
  Capabilities,
  Engine,
  StartPhase,
  SupervisorId,
  Worker,
  WorkerFilter,
  WorkerId,
  WorkerInfo,
  WorkerSpec,
  WorkerUsage,
} from '../../core/engine.ts'
import { EngineError, UsageError } from '../../core/errors.ts'
import type { Tree, TreeRef } from '../../core/tree.ts'
import { isLiving, ownHome, type Home } from '../host-process.ts'
import { claimFolder, sweepFolders } from '../private-folder.ts'
import { checkSpec, notices } from './check-spec.ts'
import { heapMiB, nodeFlags, workerEnvironment, type Environment } from './environment.ts'
import { Guard } from './guard.ts'
import { killMarked } from './kill.ts'
import { launch, launchError, type Launched } from './launch.ts'
import { sweepWorkers } from './leftovers.ts'
import { MARK_VARIABLE, markValue, ownerMark, workerMark } from './marker.ts'
import { MemoryKills } from './memory-kills.ts'
import { Pipes } from './pipes.ts'
import { ProcessTable } from './process-table.ts'
import { usageOf } from './usage.ts'
import { WorkerProcess } from './worker-process.ts'

export interface ProcessEngineOptions {
  readonly owner: SupervisorId
  /** The supervisor's private folder: it exists, only its owner may enter it, and its siblings are other supervisors'. */
  readonly directory: string
  /** The Node that runs workers; this one unless told. */
  readonly node?: string
  /** The program of a worker; `dist/worker.js` of this package unless told. */
  readonly workerFile?: string
  /** A folder that only this user may enter: workers keep there what of their program is compiled already. */
  readonly codeFolder?: string
  /** The host's environment to pick from. */
  readonly env?: Environment
}

/** Throws a `UsageError` on Windows, and an `EngineError` when the private folder cannot be written. */
export function createProcessEngine(options: ProcessEngineOptions): Engine {
  if (process.platform === 'win32')
    throw new UsageError('Engine process does not run on Windows itself. Run cowait inside WSL, or use engine docker.')
  return new ProcessEngine(options)
}

const CAPABILITIES: Capabilities = {
  kill: true,
  output: true,
  image: false,
  limits: 'best-effort',
  gpu: false,
  volumes: false,
  ports: true,
  exec: false,
  lease: false,
}

/** Workers that are gone are remembered, so that a late `remove` costs no search; more than can be under way at once. */
const REMEMBERED = 1_000

class ProcessEngine implements Engine {
  readonly name = 'process'
  readonly capabilities: Capabilities = CAPABILITIES
  readonly #owner: SupervisorId
  readonly #directory: string
  readonly #node: string
  readonly #workerFile: string
  readonly #programArgs: readonly string[]
  readonly #env: Record<string, string>
  readonly #home: Home = ownHome()
  readonly #table = new ProcessTable()
  readonly #memoryKills = new MemoryKills()
  readonly #guard: Guard
  readonly #pipes: Pipes
  readonly #workers = new Map<WorkerId, WorkerProcess>()
  readonly #starting = new Map<WorkerId, Promise<unknown>>()
  readonly #gone = new Set<WorkerId>()
  readonly #noticed = new Set<string>()
  #ready: Promise<unknown> | undefined
  #turn: Promise<void> = Promise.resolve()

  constructor(options: ProcessEngineOptions) {
    const { owner, directory, node = process.execPath, workerFile = ownWorkerFile(), codeFolder, env = process.env } = options
    this.#owner = owner
    this.#directory = directory
    this.#node = node
    this.#workerFile = workerFile
    this.#programArgs = codeFolder === undefined ? [] : [codeFolder]
    this.#env = workerEnvironment(env)
    const path = this.#env['PATH'] ?? ''
    this.#guard = new Guard({ directory, mark: ownerMark(this.#home, owner), path })
    this.#pipes = new Pipes(directory, path)
    try {
      claimFolder(directory, this.#home)
    } catch (error) {
      throw new EngineError(`The supervisor's private folder ${directory} cannot be used.`, { cause: error })
    }
  }

  check(spec: Omit<WorkerSpec, 'id' | 'owner' | 'code'>): void {
    checkSpec(spec)
  }

  async provide(tree: Tree, signal: AbortSignal): Promise<TreeRef> {
    signal.throwIfAborted()
    void this.#prepare().catch(() => {})
    return { hash: tree.hash, path: tree.directory, cwd: tree.root }
  }

  async start(spec: WorkerSpec, signal: AbortSignal, report: (phase: StartPhase) => void): Promise<Worker> {
    signal.throwIfAborted()
    this.#notice(spec, report)
    const started = this.#start(spec, signal)
    this.#starting.set(spec.id, started)
    try {
      return await started
    } finally {
      this.#starting.delete(spec.id)
    }
  }

  async list({ owner, id }: WorkerFilter): Promise<WorkerInfo[]> {
    const infos = new Map<string, WorkerInfo>()
    if (process.platform === 'linux') {
      for (const { mark } of await this.#table.marks()) {
        const key = `${mark.owner}\0${mark.id}`
        if (infos.has(key)) continue
        const isAbandoned = (await isLiving(mark.home)) === false
        infos.set(key, {
          id: mark.id,
          owner: mark.owner,
          name: mark.name,
          createdAt: mark.createdAt,
          ...(isAbandoned && { abandoned: true }),
        })
      }
    } else {
      for (const { info } of this.#workers.values()) infos.set(info.id, info)
    }
    return [...infos.values()].filter((info) => (owner === undefined || info.owner === owner) && (id === undefined || info.id === id))
  }

  async remove(id: WorkerId, graceMs: number): Promise<void> {
    await this.#starting.get(id)?.catch(() => {})
    const worker = this.#workers.get(id)
    if (worker) await worker.remove(graceMs)
    else if (!this.#gone.has(id)) await this.#removeUnknown(id)
  }

  usage(ids: readonly WorkerId[]): Promise<ReadonlyMap<WorkerId, WorkerUsage>> {
    return usageOf(this.#table, ids)
  }

  async sweep(): Promise<number> {
    const count = await sweepWorkers(this.#table)
    await sweepFolders(this.#directory)
    return count
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#starting.values())
    const removals = await Promise.allSettled([...this.#workers.values()].map((worker) => worker.remove(0)))
    // Also when a worker does not go: it was killed, and nothing else of this engine may stay because of it.
    await Promise.all([this.#guard.stop(), this.#pipes.close()])
    const stuck = removals.find((removal) => removal.status === 'rejected')
    if (stuck) throw stuck.reason
  }

  async #start(spec: WorkerSpec, signal: AbortSignal): Promise<Worker> {
    const info = { id: spec.id, owner: this.#owner, name: spec.name, createdAt: Date.now() }
    const worker = new WorkerProcess(await this.#launch(spec, info, signal), {
      info,
      mark: workerMark(this.#home, this.#owner, spec.id),
      heapMiB: spec.resources.memoryLimit === undefined ? undefined : heapMiB(spec.resources.memoryLimit),
      table: this.#table,
      guard: this.#guard,
      memoryKills: this.#memoryKills,
    })
    this.#workers.set(spec.id, worker)
    // One that does not go stays known: another `remove` tries again.
    void worker.gone.then(() => this.#forget(spec.id))
    return worker
  }

  async #launch({ name, code, resources }: WorkerSpec, info: WorkerInfo, signal: AbortSignal): Promise<Launched> {
    try {
      await this.#prepare()
      await this.#takeTurn()
      const command = {
        file: this.#node,
        args: [...nodeFlags(resources), this.#workerFile, name, ...this.#programArgs],
        cwd: code.cwd,
        env: { ...this.#env, [MARK_VARIABLE]: markValue({ home: this.#home, ...info }) },
        pipe: await this.#pipes.take(),
      }
      return await launch(command, signal)
    } catch (error) {
      signal.throwIfAborted()
      throw launchError(`Worker ${name}`, error, { file: this.#node, cwd: code.cwd })
    }
  }

  /** Guard and pipes stand before the first worker. The guard is started again if somebody ended it. */
  async #prepare(): Promise<void> {
    await this.#guard.start()
    this.#ready ??= Promise.all([this.#table.prime(), this.#memoryKills.prime(), this.#pipes.fill()])
    await this.#ready
  }

  /** One start for each turn of the event loop: a start blocks it for a millisecond, and channels are to be served between. */
  #takeTurn(): Promise<void> {
    this.#turn = this.#turn.then(() => nextTurn())
    return this.#turn
  }

  #notice(spec: WorkerSpec, report: (phase: StartPhase) => void): void {
    for (const [option, detail] of notices(spec)) {
      if (this.#noticed.has(option)) continue
      this.#noticed.add(option)
      report({ phase: 'preparing', detail })
    }
  }

  #forget(id: WorkerId): void {
    this.#workers.delete(id)
    this.#gone.add(id)
    const [oldest] = this.#gone
    if (this.#gone.size > REMEMBERED && oldest !== undefined) this.#gone.delete(oldest)
  }

  /** One of the same owner that another process started. */
  async #removeUnknown(id: WorkerId): Promise<void> {
    for (const { mark } of await this.#table.marks()) {
      if (mark.id === id && mark.owner === this.#owner) await killMarked(this.#table, workerMark(mark.home, mark.owner, id))
    }
  }
}

/** Beside the bundle that this code is in, or in `dist` when it runs from the sources. */
function ownWorkerFile(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, 'dist', 'worker.js')
    if (existsSync(file)) return file
    if (folder === dirname(folder))
      throw new EngineError('The program of workers, dist/worker.js, is missing. Install cowait again, or build it.')
  }
}
