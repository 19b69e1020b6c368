import { currentScope } from './scope.ts'
import type { Remote } from './types.ts'

type LogFunction = (message: string, fields?: object) => void

/** Writes log records of the run. Fields must be JSON. */
export interface Logger {
  debug: LogFunction
  info: LogFunction
  warn: LogFunction
  error: LogFunction
  /** A logger that adds these fields to each record. */
  child(fields: object): Logger
}

/** What a task knows of its own run: the second parameter of its function. */
export interface TaskContext<S = undefined, C = {}> {
  /** The run's id: a DNS label such as `sleep-x7k2m9qd`. */
  readonly id: string
  readonly name: string
  /** Counts from 1. */
  readonly attempt: number
  /** Aborts when the run is cancelled or timed out. */
  readonly signal: AbortSignal
  readonly log: Logger
  /** What the task's `state` made; its rpc methods have it as `this`. */
  readonly state: S
  /** The caller's handlers. One that the caller did not pass is undefined. */
  readonly parent: Remote<C>
  /** Tells how far the run is. Cheap: at most ten a second leave the process. */
  progress(value: number, info?: { total?: number; message?: string }): void
}

/** The context of the task that this code runs in, however deep. Throws outside of a task. */
export function useTask(): TaskContext {
  const context = currentScope()?.context
  if (!context) throw new Error('useTask() was called outside of a task: it works in a task function and in what that calls.')
  return context
}
