/** A supervisor in this process, for a host that is not a task itself: the command line, and the thread behind a script. */
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { CancelReason } from '../core/caller.ts'
import type { Ceilings } from '../core/ceilings.ts'
import type { ErrorSummary, RunEvent, TaskRef } from '../core/events.ts'
import { createRunId } from '../core/ids.ts'
import type { RunOptions } from '../core/options.ts'
import type { Tree } from '../core/tree.ts'
import type { Encoded } from '../core/value.ts'
import { guardFolder } from '../engines/folder-guard.ts'
import { sweepFolders } from '../engines/private-folder.ts'
import type { LineFrame } from '../protocol/messages.ts'
import { clientId } from '../supervisor/caller-identity.ts'
import type { Owner } from '../supervisor/owner.ts'
import type { Route } from '../supervisor/route.ts'
import { ownPackage } from '../project/package-root.ts'
import { StoredValue } from '../supervisor/spool.ts'
import type { StreamOptions } from '../supervisor/client.ts'
import type { OpenEngineByName, Remains } from '../supervisor/engines.ts'
import { Supervisor } from '../supervisor/supervisor.ts'
import type { RunRecord, Settlement as TreeSettlement } from '../supervisor/tree-messages.ts'
import { controlSocketIn, openControlSocket } from './control-socket.ts'
import { openEngine, type EngineContext } from './open-engine.ts'
import { createPrivateDirectory, runtimeRoot } from './runtime-directory.ts'
import { defaultWidth } from './width.ts'

export interface LocalOptions {
  /** Compiles the user's program; called at the first start. */
  readonly tree: () => Promise<Tree>
  /** The engine of runs that name none. */
  readonly engine: string
  readonly engineSettings?: Readonly<Record<string, unknown>>
  /** The settings of the other engines, which runs name themselves; none unless told. */
  readonly otherSettings?: (engine: string) => Readonly<Record<string, unknown>>
  /** Below everything that a definition or call says. */
  readonly defaults?: RunOptions
  readonly concurrency?: number
  /** What the runs may grow to. */
  readonly limits?: Partial<Ceilings> | undefined
  /** A run is going to come: the engine is opened at once, while the program is still being compiled. */
  readonly early?: boolean
  /** What the engine told the program of a detached supervisor, which this process is. */
  readonly enginePlace?: unknown
  /** Workers that fail stay where the engine can keep them. */
  readonly keepFailed?: boolean
  /** What a task's definition says, for calls by who does not know it: `external()`. Asked no longer than until `signal` aborts. */
  readonly describe?: (task: TaskRef, signal: AbortSignal) => Promise<RunOptions | undefined>
  /** For engines that have no name of their own: a test's. */
  readonly openEngine?: OpenEngineByName
}

export type Settlement =
  | { readonly status: 'done'; readonly output: Encoded }
  | { readonly status: 'failed' | 'cancelled'; readonly error: ErrorSummary; readonly value?: Encoded }

export interface RootRun {
  readonly id: string
  readonly settled: Promise<Settlement>
  cancel(reason: CancelReason): void
  kill(): void
}

export interface RootRequest {
  readonly task: TaskRef
  readonly name: string
  readonly input: Encoded
  readonly options: RunOptions
  /** Made from the name unless told. */
  readonly id?: string
  /** Takes lists of what the run yields, in order; more come when it has resolved. Unread unless told. */
  readonly onItems?: (items: Encoded) => Promise<void>
}

export interface LocalSupervisor {
  readonly id: string
  /** The private folder, with the control socket inside. */
  readonly directory: string
  /** Everything that happens from now on. */
  subscribe(listener: (event: RunEvent) => void): () => void
  run(request: RootRequest): RootRun
  /** Serves a client on a stream. */
  connect(stream: Duplex, options?: StreamOptions): void
  /** Cancels what lives and waits until nothing is left; answers what is left all the same. */
  close(reason?: CancelReason): Promise<Remains>
}

const hostId = clientId('host')

export async function openSupervisor(options: LocalOptions): Promise<LocalSupervisor> {
  const id = `s${randomBytes(6).toString('hex')}`
  // Before anything is made that would be left.
  controlSocketIn(join(runtimeRoot(), id))
  const directory = createPrivateDirectory(id)
  // The process engine's own guard does this for it.
  const release = options.engine === 'process' || options.openEngine ? undefined : guardFolder(directory, sweepCommand(options))
  const supervisor = new Supervisor({
    id,
    engine: options.engine,
    openEngine: (name, signal, tell) =>
      options.openEngine?.(name, signal, tell) ??
      openEngine(name, {
        owner: id,
        directory,
        signal,
        tell,
        prepare: true,
        ...settingsOf(name, options),
      }),
    tree: options.tree,
    directory,
    width: options.concurrency ?? defaultWidth(),
    ...(options.describe ? { describe: options.describe } : {}),
    ...(options.defaults ? { defaults: options.defaults } : {}),
    ...(options.limits ? { limits: options.limits } : {}),
    ...(options.keepFailed ? { keepFailed: true } : {}),
  })
  if (options.early) supervisor.prepare()
  const host = new Host()
  const { calls, route } = supervisor.attach(hostId, host)
  host.route = route
  const swept = sweepFolders(directory).catch(() => undefined)
  const closeSocket = await openControlSocket(supervisor, directory)

  return {
    id,
    directory,
    subscribe: (listener) => supervisor.subscribe(listener),
    connect: (stream, how) => void supervisor.connect(stream, how),
    run({ task, name, input, options: runOptions, id: givenId, onItems }) {
      const runId = givenId ?? createRunId(name)
      const settled = host.expect(runId, onItems)
      void calls.start(
        { client: hostId, parent: null, callerAttempt: 0 },
        { child: runId, task, options: { ...runOptions, name: runOptions.name ?? name } },
        StoredValue.of(input),
      )
      return {
        id: runId,
        settled,
        cancel: (reason) => calls.cancel(runId, reason, false),
        kill: () => calls.cancel(runId, { code: 'TASK_CANCELLED', message: 'killed' }, true),
      }
    },
    async close(reason = { code: 'TASK_CANCELLED', message: 'its supervisor was closed' }) {
      const remains = await supervisor.close(reason)
      await Promise.all([closeSocket(), swept])
      await rm(directory, { recursive: true, force: true })
      release?.()
      return remains
    },
  }
}

/** No engine understands the settings of another, or is where another is. */
function settingsOf(name: string, { engine, engineSettings, otherSettings, enginePlace }: LocalOptions): Partial<EngineContext> {
  if (name !== engine) return { settings: otherSettings?.(name) ?? {} }
  return { settings: engineSettings ?? {}, ...(enginePlace !== undefined && { place: enginePlace }) }
}

/** Looks where the runs are: by the settings, which nobody else knows, as by the variables, which the command has anyway. */
function sweepCommand({ engine, engineSettings: { host, context } = {} }: LocalOptions): string[] {
  const command = [process.execPath, join(ownPackage().root, 'dist', 'cli.js'), 'prune', '--no-cache', '--json', '--wait', '10m']
  if (engine !== 'docker' || (host === undefined && context === undefined)) return command
  return ['env', `DOCKER_HOST=${text(host)}`, `DOCKER_CONTEXT=${host === undefined ? text(context) : ''}`, ...command]
}

function text(setting: unknown): string {
  return typeof setting === 'string' ? setting : ''
}

/** The host's own code as the owner of root runs. */
class Host implements Owner {
  route: Route | undefined
  readonly #waiting = new Map<string, (settlement: Settlement) => void>()
  readonly #readers = new Map<string, (items: Encoded) => Promise<void>>()
  /** What is still being read of a run: it has ended for its reader when that is done. */
  readonly #reading = new Map<string, Promise<void>>()

  expect(id: string, onItems: ((items: Encoded) => Promise<void>) | undefined): Promise<Settlement> {
    if (onItems) this.#readers.set(id, onItems)
    return new Promise((resolve) => this.#waiting.set(id, resolve))
  }

  status(): void {
    // The host sees every status among the events.
  }

  settled(run: Pick<RunRecord, 'id'>, settlement: TreeSettlement): void {
    void this.#deliver(run.id, settlement)
  }

  /** Takes every item that a run yields. */
  line(run: RunRecord, frame: LineFrame, value: StoredValue | undefined): void {
    const reader = this.#readers.get(run.id)
    if (frame.type !== 'items' || !value || !reader) {
      void value?.release()
      if (frame.type === 'items') this.#want(run, frame)
      return
    }
    const before = this.#reading.get(run.id) ?? Promise.resolve()
    this.#reading.set(
      run.id,
      this.#read(before, value, reader, () => this.#want(run, frame)),
    )
  }

  /** Never rejects: what goes wrong with one list of items is the reader's own matter, and the run goes on. */
  async #read(before: Promise<void>, value: StoredValue, reader: (items: Encoded) => Promise<void>, want: () => void): Promise<void> {
    await before
    try {
      await reader(await encodedOf(value))
    } catch {
      // The view has told it, or is gone.
    }
    await value.release()
    want()
  }

  mayRetry(): void {
    // Never asked: the task itself decides about the retries of root runs.
  }

  tell(): void {
    // The host sees everything among the events.
  }

  #want(run: RunRecord, { call, count }: Extract<LineFrame, { type: 'items' }>): void {
    this.route?.pass('caller', run, { type: 'want', run: hostId, child: run.id, call, items: count }, undefined)
  }

  async #deliver(id: string, settlement: TreeSettlement): Promise<void> {
    await this.#reading.get(id)
    this.#reading.delete(id)
    this.#readers.delete(id)
    const value = settlement.value && (await encodedOf(settlement.value))
    await settlement.value?.release()
    const resolve = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (settlement.status === 'done') resolve?.({ status: 'done', output: value! })
    else resolve?.({ status: settlement.status, error: settlement.error, ...(value ? { value } : {}) })
  }
}

async function encodedOf(value: StoredValue): Promise<Encoded> {
  return { format: value.format, textBytes: value.text, data: await value.read(0, value.size) }
}
