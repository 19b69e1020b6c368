/**
 * Every message of the protocol, as one union for each direction. A frame is one line of JSON; if it says `body: n`, n bytes follow.
 * Values (inputs, outputs, errors) are opaque: a small one is the frame's body, a large one is named by `stream` and follows in
 * `chunk` frames under credit. PROTOCOL.md describes each message; both ends check what they receive against `parse.ts`.
 */
import type { ErrorSummary, LogLevel, RunEvent, Status, TaskRef } from '../core/events.ts'
import type { RunOptions } from '../core/options.ts'

export const PROTOCOL_VERSION = 1

/** With which a worker leaves whose channel broke: what the system's errors call "remote I/O error", so that hardly a program chooses it. */
export const LOST_CHANNEL_CODE = 121

/** How a value travels: in this frame's body, or in the chunks of a stream. */
export interface ValueHeader {
  readonly format: 'json' | 'tagged'
  /** Bytes of JSON text; attachments make up the rest. */
  readonly text: number
  /** Bytes in all. */
  readonly size: number
  /** Absent: the value is this frame's body. */
  readonly stream?: number
}

export interface CancelReason {
  readonly code: 'TASK_CANCELLED' | 'TASK_TIMEOUT'
  readonly message: string
}

/** Supervisor to worker, and supervisor to client. */
export type Down =
  | { readonly type: 'welcome'; readonly protocol: number; readonly worker: string; /** 0: no lease. */ readonly leaseMs: number }
  | {
      readonly type: 'run'
      readonly run: string
      readonly key: string
      readonly attempt: number
      readonly task: TaskRef
      readonly name: string
      /** Where the tree of files is, and the working directory, in the worker's own paths. */
      readonly code: { readonly path: string; readonly cwd: string; readonly hash: string }
      readonly env: Readonly<Record<string, string>>
      /** Printed back on the output once everything that the run printed is out: `\x1e{"flush":"..."}`. */
      readonly flush: string
      /** The methods that the caller offers to the run. */ readonly handlers?: readonly string[]
      /** The caller cannot be asked whether to retry: the task's own `when` decides, by `retryable`. */ readonly decides?: boolean
      /** For calls that are unfinished when the function returns; `cancel` unless told. */ readonly orphans?: RunOptions['orphans']
      readonly input: ValueHeader
    }
  /** To a worker: its run is cancelled. */
  | { readonly type: 'cancel'; readonly run: string; readonly reason: CancelReason; readonly graceMs: number }
  /** A child's status, for its caller. */
  | { readonly type: 'status'; readonly run: string; readonly child: string; readonly status: Status; readonly attempt: number }
  /** A child's end, for its caller: the output of a done run, the error of another one. */
  | {
      readonly type: 'settled'
      readonly run: string
      readonly child: string
      readonly status: 'done' | 'failed' | 'cancelled'
      readonly attempt: number
      readonly error?: ErrorSummary
      readonly value?: ValueHeader
    }
  /** An attempt of a child has failed, and its caller decides whether there is another one; answered by `retry`. */
  | {
      readonly type: 'may-retry'
      readonly run: string
      readonly child: string
      readonly attempt: number
      readonly error: ErrorSummary
      readonly value?: ValueHeader
    }
  /** To who watches a child: everything that had happened before `watch` is told. */
  | { readonly type: 'watched'; readonly run: string; readonly child: string }
  /** `done` or `fail` has arrived: the worker may leave. */
  | { readonly type: 'accepted'; readonly run: string }
  /** A place under a named limit, for who asked for it. */
  | { readonly type: 'granted'; readonly run: string; readonly request: number }
  | { readonly type: 'ping' }
  /** To a client that follows; with `child` to the caller that watches that run. */
  | { readonly type: 'event'; readonly child?: string; readonly event: RunEvent }
  | LineFrame
  | {
      readonly type: 'runs'
      readonly request: number
      readonly runs: readonly RunListing[]
      /** The list goes on in the next frame of this request. */ readonly more?: boolean
    }
  | { readonly type: 'refused'; readonly request?: number; readonly code: 'PROTOCOL' | 'USAGE'; readonly message: string }

/** Worker to supervisor, and client to supervisor. */
export type Up =
  | {
      readonly type: 'hello'
      readonly protocol: number
      readonly role: 'worker' | 'client'
      readonly runtime: { readonly name: string; readonly version: string }
    }
  /** The function is about to start: code loaded, input valid. */
  | { readonly type: 'running'; readonly run: string }
  | {
      readonly type: 'call'
      /** The caller: a worker's run, or a client's own id. */ readonly run: string
      readonly child: string
      readonly task: TaskRef
      readonly options: RunOptions
      /** Survives the cancelling of its caller. */ readonly shield?: boolean
      /** The methods that the caller offers to the run. */ readonly handlers?: readonly string[]
      /** `options` are without those of the task's definition, which the caller does not know. */ readonly external?: boolean
      readonly input: ValueHeader
    }
  /** Asks for the end of a child; `kill` does without grace. */
  | { readonly type: 'cancel'; readonly run: string; readonly child: string; readonly reason: CancelReason; readonly kill?: boolean }
  /** Answers `may-retry`. */
  | { readonly type: 'retry'; readonly run: string; readonly child: string; readonly attempt: number; readonly again: boolean }
  /** Asks for the events of a child; `tree`: and of everything below it. */
  | { readonly type: 'watch'; readonly run: string; readonly child: string; readonly tree?: boolean }
  | LineFrame
  | { readonly type: 'progress'; readonly run: string; readonly value: number; readonly total?: number; readonly message?: string }
  | { readonly type: 'done'; readonly run: string; readonly value: ValueHeader }
  /** `error` is for people and decisions, `value` is the error itself. */
  | {
      readonly type: 'fail'
      readonly run: string
      readonly error: ErrorSummary
      /** False: another attempt cannot help. */ readonly retryable: boolean
      readonly value: ValueHeader
    }
  /** Asks for a place under a limit of the run tree; answered by `granted`, or by `refused` if the name has another rule. */
  | {
      readonly type: 'acquire'
      readonly run: string
      readonly request: number
      readonly name: string
      readonly concurrency?: number
      readonly perSecond?: number
    }
  /** Gives a place back, or stops waiting for it. */
  | { readonly type: 'release'; readonly run: string; readonly request: number }
  | { readonly type: 'pong' }
  /** Clients only. */
  | { readonly type: 'follow'; /** All runs, or the run tree below one. */ readonly run?: string }
  | { readonly type: 'list'; readonly request: number }
  | { readonly type: 'end'; /** Cancel everything that this client started. */ readonly reason: CancelReason }

/**
 * The line between a run and its caller, both ways. `run` is the run of this end of the channel (or a client's id); with `child` the
 * frame is between it and that child, without between it and its caller. Who asks numbers its calls from 1; 0 is what a run yields.
 */
export type LineFrame =
  /** Calls a method of the other end; the value is the list of arguments. */
  | {
      readonly type: 'rpc'
      readonly run: string
      readonly child?: string
      readonly call: number
      readonly method: string
      readonly value: ValueHeader
    }
  /** The method gives a stream: `items` as they are wanted, then `rpc-result`. */
  | { readonly type: 'rpc-stream'; readonly run: string; readonly child?: string; readonly call: number }
  | {
      readonly type: 'rpc-result'
      readonly run: string
      readonly child?: string
      readonly call: number
      readonly status: 'done' | 'failed'
      readonly error?: ErrorSummary
      readonly value?: ValueHeader
    }
  /** Items of a stream; the value is the list of them. */
  | {
      readonly type: 'items'
      readonly run: string
      readonly child?: string
      readonly call: number
      readonly count: number
      readonly value: ValueHeader
    }
  /** The reader takes so many items more. */
  | { readonly type: 'want'; readonly run: string; readonly child?: string; readonly call: number; readonly items: number }
  /** The reader of a method's stream has left. */
  | { readonly type: 'leave'; readonly run: string; readonly child?: string; readonly call: number }

/** Both ways. */
export type Both =
  | {
      readonly type: 'chunk'
      readonly run: string
      readonly stream: number
      readonly end: boolean
      /** The rest will not come, and why; only with `end`. */ readonly error?: string
    }
  | { readonly type: 'credit'; readonly run: string; readonly stream: number; readonly bytes: number }
  /** The receiver does not want the rest: the sender ends the stream. */
  | { readonly type: 'stop'; readonly run: string; readonly stream: number }

export interface RunListing {
  readonly id: string
  readonly parent: string | null
  readonly name: string
  readonly task: TaskRef
  readonly status: Status
  readonly engine: string
  readonly attempt: number
  readonly createdAt: number
  readonly startedAt?: number
}

/** One record on a worker's output, after the byte 0x1e and before a newline. Anything else there is a raw line. */
export type OutputRecord =
  | {
      readonly level: LogLevel
      readonly stream: 'stdout' | 'stderr' | 'log'
      readonly text: string
      readonly fields?: Readonly<Record<string, unknown>>
      readonly more?: boolean
    }
  | { readonly flush: string }
