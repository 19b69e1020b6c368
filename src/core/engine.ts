/**
 * What an engine is: it starts workers and makes them gone. It knows processes, containers or pods, and nothing of runs,
 * queues or retries. An engine reports a failure by throwing an `EngineError`; it never logs and returns.
 */
import type { Duplex } from 'node:stream'
import type { DetachedSupervisors } from './detached.ts'
import type { Tree, TreeRef } from './tree.ts'

export type WorkerId = string
export type SupervisorId = string

/** What an engine can do; asked before anything starts. What is missing here is refused, never ignored in silence. */
export interface Capabilities {
  /** A worker that does not cooperate (a busy loop) can be ended. */
  readonly kill: boolean
  /** Raw prints of a worker and of its subprocesses are captured. */
  readonly output: boolean
  readonly image: boolean
  /** `enforced`: the limit holds. `best-effort`: a hint, with one notice. */
  readonly limits: 'enforced' | 'best-effort'
  readonly gpu: boolean
  readonly volumes: boolean
  readonly ports: boolean
  readonly exec: boolean
  /** The channel may half-open without either side noticing, so workers need a lease (see worker/lease.ts). */
  readonly lease: boolean
}

export interface Resources {
  /** Thousandths of a core. */
  readonly cpuMillis?: number
  /** Guaranteed, in bytes. */
  readonly memoryRequest?: number
  /** Upper limit, in bytes. */
  readonly memoryLimit?: number
  readonly gpu?: { readonly count: number; readonly kind?: string }
}

/** A folder inside the worker and what stands behind it. `path` is absolute, inside the worker. */
export type Mount =
  | { readonly path: string; readonly bind: string; readonly readOnly: boolean }
  | { readonly path: string; readonly volume: string; readonly readOnly: boolean }
  | { readonly path: string; readonly tmpfsBytes: number }

/** Everything an engine needs to start a worker: pure data, nothing secret (inputs and variables travel on the channel). */
export interface WorkerSpec {
  readonly id: WorkerId
  readonly owner: SupervisorId
  /** The name of the run it is started for, a DNS label; for people who look at the engine from outside. */
  readonly name: string
  readonly image?: string
  readonly code: TreeRef
  readonly resources: Resources
  readonly mounts: readonly Mount[]
  /** Port inside the worker to port on the engine's host; 0 takes any free one. */
  readonly ports: Readonly<Record<number, number>>
  readonly labels: Readonly<Record<string, string>>
  /** What stands around the worker outlives it for a moment, in which `Engine.keep` can make it stay. */
  readonly keep?: boolean
  /** What only this engine understands (network, user, platform, pull ...), checked by `Engine.check`. */
  readonly settings: Readonly<Record<string, unknown>>
}

/** Where a start stands, for people: `pulling node:24-slim 40 %`, `no node fits`. */
export interface StartPhase {
  readonly phase: 'preparing' | 'pulling' | 'creating' | 'waiting' | 'booting'
  readonly detail?: string
  /** 0 to 1, where the engine knows. */
  readonly fraction?: number
}

export interface Exit {
  readonly how: 'exited' | 'killed' | 'out-of-memory' | 'removed' | 'lost'
  readonly code?: number
  readonly signal?: string
  /** The engine's own words, where it has any: `limit 64 MiB, peak 64 MiB`. */
  readonly detail?: string
}

/** A worker that was started. Its channel is the only way to talk to it. */
export interface Worker {
  readonly id: WorkerId
  /** The protocol's bytes. Ends when the worker is gone. */
  readonly channel: Duplex
  /** Raw bytes that the worker and its subprocesses printed, in order; ends when the last writer is gone. */
  readonly output: AsyncIterable<Uint8Array>
  /** Settles when the worker's own process has ended; never rejects. */
  readonly exited: Promise<Exit>
  stats?(): Promise<WorkerUsage>
}

/** What a worker uses, its subprocesses included. */
export interface WorkerUsage {
  /** Of processor time since its start. */
  readonly cpuSeconds: number
  readonly memoryBytes: number
}

export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

export interface ExecOptions {
  /** The program and its arguments, as the worker's place knows them; nothing is read by a shell. */
  readonly command: readonly string[]
  /** Gives the program a terminal of this size. */
  readonly terminal?: TerminalSize
  /** Beyond the variables that the worker itself was started with. Nothing secret: engines show them. */
  readonly env?: Readonly<Record<string, string>>
}

/** A program that was started beside a worker, where the worker is. It ends with the worker's container or pod at the latest. */
export interface ExecSession {
  /** Written: what the program reads; ending it is the end of its input. Read: what it prints, with a terminal its errors too. */
  readonly channel: Duplex
  /** What it prints to its error stream; empty with a terminal. Has to be read, or the program waits. */
  readonly errors: AsyncIterable<Uint8Array>
  /** Settles when the program has ended and everything it printed can be read; `lost` when the engine does not say how. Never rejects. */
  readonly exited: Promise<Exit>
  /** Tells the terminal's new size. Without a terminal nothing happens. */
  resize(size: TerminalSize): Promise<void>
  /** Ends the program if it still runs, and lets go of it. */
  close(): Promise<void>
}

export interface WorkerFilter {
  readonly owner?: SupervisorId
  readonly id?: WorkerId
}

export interface WorkerInfo {
  readonly id: WorkerId
  readonly owner: SupervisorId
  readonly name: string
  readonly createdAt: number
  /** The worker itself has ended, or will; its container stays until it is removed. */
  readonly kept?: boolean
  /** Its supervisor is known to be gone. */
  readonly abandoned?: boolean
}

export interface Engine {
  readonly name: string
  readonly capabilities: Capabilities
  /** Throws a `UsageError` that names the setting which this engine cannot honour. Starts nothing. */
  check(spec: Omit<WorkerSpec, 'id' | 'owner' | 'code'>): void
  /** Makes a tree of files available to workers. Idempotent, by hash. */
  provide(tree: Tree, signal: AbortSignal): Promise<TreeRef>
  /** Starts a worker. Rejects with an `EngineError` that names the cause; then nothing is left of it. */
  start(spec: WorkerSpec, signal: AbortSignal, report: (phase: StartPhase) => void): Promise<Worker>
  /** Workers that this engine still knows, by their labels: for `ps` and for sweeping. */
  list(filter: WorkerFilter): Promise<WorkerInfo[]>
  /**
   * Lets what stands around a worker stay after its end, with its files, until `remove` (by whichever supervisor) or a sweep for what
   * is kept. For a worker that was started with `keep`, at the latest a few seconds after its end; throws an `EngineError` after that.
   * An engine without it has nothing to keep.
   */
  keep?(id: WorkerId): Promise<void>
  /** What workers use now, whoever owns them; those that are not there are left out. An engine without it does not know. */
  usage?(ids: readonly WorkerId[]): Promise<ReadonlyMap<WorkerId, WorkerUsage>>
  /**
   * Makes a worker of this engine's owner gone, however it stands: asks, waits `graceMs`, kills, removes. Idempotent; resolves when
   * nothing is left. Another owner's worker stays as it is, unless it was kept.
   */
  remove(id: WorkerId, graceMs: number): Promise<void>
  /**
   * Starts a program beside a worker, whoever owns it. Where `capabilities.exec` is true. Rejects with an `EngineError` when there is
   * no such worker; a program that is not found ends with the code 126 or 127, as in a shell.
   */
  exec?(id: WorkerId, options: ExecOptions, signal: AbortSignal): Promise<ExecSession>
  /** Supervisors that run where the workers are. An engine without it can have none. */
  readonly detached?: DetachedSupervisors
  /**
   * Removes what supervisors that are gone left behind; never what belongs to a living one, and what was kept only when asked to.
   * Answers how many workers went.
   */
  sweep(options?: { readonly kept?: boolean }): Promise<number>
  /**
   * Removes what it keeps on its side to start faster, where no worker uses it: it is made again when it is needed. Answers how many
   * volumes went. An engine without it keeps nothing.
   */
  prune?(): Promise<number>
  /** Lets go of connections. Workers must be gone by then. */
  close(): Promise<void>
}
