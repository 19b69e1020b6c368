/**
 * A supervisor that runs where the workers are, so that a tree of runs goes on without whoever started it. It is found again by the id
 * of its root run, from every host that may ask the engine.
 */
import type { Duplex } from 'node:stream'
import type { StartPhase } from './engine.ts'
import type { Tree } from './tree.ts'

export interface DetachedStart {
  /** The root run's id, which no other has. */
  readonly run: string
  /** The root's task, for people. */
  readonly task: string
  readonly tree: Tree
  /** What the supervisor's program reads, whole. It may hold what nobody else is to see. */
  readonly plan: readonly Uint8Array[]
  /** How long that may take; the engine's patience unless told. */
  readonly startTimeoutMs?: number | undefined
}

export interface DetachedInfo {
  readonly run: string
  readonly task: string
  readonly createdAt: number
  readonly state: 'starting' | 'running' | 'ended'
  /** For people: where it is. */
  readonly place: string
  /** How its program ended, where it did not end by itself. */
  readonly fault?: string
}

export interface DetachedSupervisors {
  /** Resolves when the supervisor has begun its run. Rejects with an `EngineError` that names the cause; then nothing is left of it. */
  start(start: DetachedStart, signal: AbortSignal, report: (phase: StartPhase) => void): Promise<void>
  /** Those that live, and those that ended and can still be read; oldest first. */
  list(signal?: AbortSignal): Promise<DetachedInfo[]>
  /**
   * The lines that the supervisor's program printed, from the first that is still known; with `follow` those to come, until its end.
   * After a connection broke some may come again.
   */
  lines(run: string, options: { readonly follow: boolean; readonly signal: AbortSignal }): AsyncIterable<string>
  /** A stream to the control socket of one that runs. */
  connect(run: string, signal: AbortSignal): Promise<Duplex>
  /**
   * Removes it with all that it owns, living or not. With a signal it waits for that, and answers whether all was gone before the signal
   * aborted.
   */
  remove(run: string, signal?: AbortSignal): Promise<boolean>
}
