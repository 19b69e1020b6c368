/** The options of a task: as people write them (`TaskOptions`), and as they travel (`RunOptions`: plain numbers, no functions). */
import type { Bytes } from './bytes.ts'
import type { Duration } from './duration.ts'

/** A folder inside the worker: a folder of the host, a named volume of the engine, or memory. */
export type Volume =
  | { bind: string; readOnly?: boolean | undefined }
  | { volume: string; readOnly?: boolean | undefined }
  | { tmpfs: Bytes }

export interface Backoff {
  /** Attempts in all, the first included. */
  attempts: number
  /** Before the second attempt; 1 s unless told. */
  delay?: Duration | undefined
  /** Each further delay is this many times the one before; 2 unless told. */
  factor?: number | undefined
  /** 60 s unless told. */
  maxDelay?: Duration | undefined
  /** Asked after a failed attempt, in the caller's process. */
  when?: ((error: unknown, attempt: number) => boolean) | undefined
}

export interface TaskOptions {
  /** A label for ids and logs; never finds code. */
  name?: string | undefined
  image?: string | undefined
  engine?: string | undefined
  gpu?: number | { count: number; kind?: string | undefined } | undefined
  /** Cores: `2`, `0.5`, or thousandths: `'500m'`. */
  cpu?: number | `${number}m` | undefined
  memory?: Bytes | { request: Bytes; limit: Bytes } | undefined
  env?: Record<string, string> | undefined
  /** Absolute path inside the worker to what stands behind it. */
  volumes?: Record<string, Volume> | undefined
  ports?: Record<number, number> | number[] | undefined
  tags?: Record<string, string> | undefined
  /** For one attempt, from the moment its function starts. */
  timeout?: Duration | undefined
  /** For waiting and starting together, of each attempt. A run that gets no place in that time is not tried again. */
  startTimeout?: Duration | undefined
  /** From a cancel to the kill; 5 s unless told. One deadline for the whole run tree. */
  grace?: Duration | undefined
  /** `retry: 2` is up to three attempts. */
  retry?: number | Backoff | undefined
  /** What happens to unfinished children when the task ends: cancelled unless told. */
  orphans?: 'cancel' | 'wait' | 'fail' | undefined
}

export interface RunRetry {
  readonly attempts: number
  readonly delayMs: number
  readonly factor: number
  readonly maxDelayMs: number
  /** The caller wants to be asked before each retry. */
  readonly ask?: boolean
}

export type RunVolume =
  | { readonly bind: string; readonly readOnly: boolean }
  | { readonly volume: string; readonly readOnly: boolean }
  | { readonly tmpfsBytes: number }

/** Options as they travel in a `call` frame: checked, in plain units. */
export interface RunOptions {
  readonly name?: string
  readonly image?: string
  readonly engine?: string
  readonly gpu?: { readonly count: number; readonly kind?: string }
  readonly cpuMillis?: number
  readonly memoryRequest?: number
  readonly memoryLimit?: number
  readonly env?: Readonly<Record<string, string>>
  readonly volumes?: Readonly<Record<string, RunVolume>>
  readonly ports?: Readonly<Record<number, number>>
  readonly tags?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
  readonly startTimeoutMs?: number
  readonly graceMs?: number
  readonly retry?: RunRetry
  readonly orphans?: 'cancel' | 'wait' | 'fail'
}
