/**
 * What happens, as one union. The terminal views, `--json`, `--ndjson`, the record of a run and the tests are readers of it;
 * nothing else prints. Every event names its run, has a sequence number within that run and the time it came from.
 */
import type { Exit, StartPhase } from './engine.ts'

export type Status = 'waiting' | 'starting' | 'running' | 'done' | 'failed' | 'cancelled'
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogStream = 'stdout' | 'stderr' | 'log'

/** Which task: the module's path from the project's root without its ending, and the export's name. */
export interface TaskRef {
  readonly module: string
  readonly export: string
  /** The n-th task (from 0) created while that module loaded; for tasks that are not exported. */
  readonly ordinal?: number
}

/** A value as text for people and records: left out when it is large. `text` is plain or tagged JSON (see PROTOCOL.md, Values). */
export type Preview = { readonly format: 'json' | 'tagged'; readonly text: string } | { readonly bytes: number }

/** An error as data, for views and records; the full error travels as a value. */
export interface ErrorSummary {
  readonly code: ErrorCode
  /** The original error's name and message, not the wrapper's. */
  readonly name: string
  readonly message: string
  readonly stack?: string
  /** What lies behind it, from the outside in: its cause and that one's own, or the errors that it stands for. */
  readonly causes?: readonly ErrorCause[]
  /** From the failed run down to the one whose function threw. */
  readonly path?: readonly { readonly id: string; readonly task: string; readonly at?: string }[]
  /** Set for a lost worker. */
  readonly exit?: Exit
  /** The last lines that a lost or killed worker printed. */
  readonly lastLines?: readonly string[]
}

/** An error behind another. */
export interface ErrorCause {
  /** Empty for a cause that is no error. */
  readonly name: string
  readonly message: string
  /** The user's own frames. */
  readonly stack?: string
}

export type ErrorCode =
  | 'TASK_FAILED'
  | 'TASK_CANCELLED'
  | 'TASK_TIMEOUT'
  | 'TASK_LOST'
  | 'TASK_NOT_LOADED'
  | 'INVALID_INPUT'
  | 'INVALID_OUTPUT'
  | 'RPC_CLOSED'
  | 'NO_HANDLER'
  | 'NOT_SERIALIZABLE'
  | 'PAYLOAD_TOO_LARGE'
  | 'LIMIT_EXCEEDED'
  | 'ENGINE'
  | 'PROTOCOL'
  | 'USAGE'

interface Base {
  readonly run: string
  /** Counts the events of one run from 0 without gaps. */
  readonly seq: number
  /** Milliseconds since 1970. */
  readonly at: number
}

export type RunEvent = Base &
  (
    | {
        readonly type: 'created'
        readonly parent: string | null
        readonly name: string
        readonly task: TaskRef
        readonly engine: string
        readonly key: string
        readonly tags?: Readonly<Record<string, string>>
        readonly input?: Preview
      }
    | { readonly type: 'waiting'; readonly attempt: number; readonly reason: string }
    | { readonly type: 'starting'; readonly attempt: number; readonly worker: string; readonly phase?: StartPhase }
    | { readonly type: 'running'; readonly attempt: number }
    | {
        readonly type: 'log'
        readonly attempt: number
        readonly level: LogLevel
        readonly stream: LogStream
        readonly text: string
        readonly fields?: Readonly<Record<string, unknown>>
        /** The line goes on in the next log event of this stream. */ readonly more?: boolean
      }
    | { readonly type: 'dropped'; /** Log lines that a reader was too slow for. */ readonly lines: number }
    | { readonly type: 'progress'; readonly value: number; readonly total?: number; readonly message?: string }
    | { readonly type: 'retrying'; readonly attempt: number; readonly error: ErrorSummary; readonly delayMs: number }
    | { readonly type: 'cancelling'; readonly reason: string; readonly graceMs: number }
    | { readonly type: 'notice'; readonly text: string }
    | {
        readonly type: 'settled'
        readonly status: 'done' | 'failed' | 'cancelled'
        readonly attempt: number
        readonly output?: Preview
        readonly error?: ErrorSummary
      }
    | { readonly type: 'removed' }
  )

export type EventType = RunEvent['type']
