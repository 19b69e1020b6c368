import type { ErrorCode, ErrorSummary } from '../core/events.ts'
import type { StopSignal } from './stop-signals.ts'

/** What a command's exit code says: the root run's own outcome, in every output mode. */
export const exitCodes = {
  done: 0,
  failed: 1,
  /** Usage, invalid input, or a task that cannot be loaded. */
  usage: 2,
  /** The engine is unavailable, a start failed, or a worker was lost. */
  lost: 3,
  timedOut: 124,
  hungUp: 129,
  /** By Ctrl-C or otherwise. */
  cancelled: 130,
  terminated: 143,
} as const

const byErrorCode: Record<ErrorCode, number> = {
  TASK_FAILED: exitCodes.failed,
  INVALID_OUTPUT: exitCodes.failed,
  NOT_SERIALIZABLE: exitCodes.failed,
  PAYLOAD_TOO_LARGE: exitCodes.failed,
  RPC_CLOSED: exitCodes.failed,
  NO_HANDLER: exitCodes.failed,
  LIMIT_EXCEEDED: exitCodes.failed,
  USAGE: exitCodes.usage,
  INVALID_INPUT: exitCodes.usage,
  TASK_NOT_LOADED: exitCodes.usage,
  ENGINE: exitCodes.lost,
  TASK_LOST: exitCodes.lost,
  PROTOCOL: exitCodes.lost,
  TASK_TIMEOUT: exitCodes.timedOut,
  TASK_CANCELLED: exitCodes.cancelled,
}

const bySignal: Record<StopSignal, number> = {
  SIGINT: exitCodes.cancelled,
  SIGTERM: exitCodes.terminated,
  SIGHUP: exitCodes.hungUp,
}

/** The exit code of a root run that ended: `error` is absent for a done run, `signal` is what asked it to stop, if anything did. */
export function exitCodeOf(error: Pick<ErrorSummary, 'code'> | undefined, signal?: StopSignal): number {
  if (!error) return exitCodes.done
  if (error.code === 'TASK_CANCELLED' && signal) return bySignal[signal]
  return byErrorCode[error.code]
}

/** The exit code of a command that a signal stopped before any run had an outcome. */
export function exitCodeOfSignal(signal: StopSignal): number {
  return bySignal[signal]
}
