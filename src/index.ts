/**
 * The public API. What it loads is `core`; the client that reaches a supervisor is loaded by the first call outside of a task.
 *
 * @example
 * export const sleep = task(async ({ duration = 5 }: { duration?: number }) => {
 *   await delay(duration * 1000)
 *   return { duration }
 * })
 * export const parallel = task(async () => await join([sleep({ duration: 5 }), sleep({ duration: 5 })]))
 */
import { openScriptRoot } from './client/script-root.ts'
import { setRootOpener } from './core/root.ts'

setRootOpener(openScriptRoot)

export type { Bytes } from './core/bytes.ts'
export type { Duration } from './core/duration.ts'
export type { Status } from './core/events.ts'
export type { Backoff, TaskOptions, Volume } from './core/options.ts'
export type { Logger, TaskContext } from './core/context.ts'
export type { Contract } from './core/contract.ts'
export type { RpcField } from './core/rpc-field.ts'
export type { LogRecord, LogsOptions, RunEvents } from './core/run-watch.ts'
export type { TaskClassLike } from './core/task-class.ts'
export type {
  AnyTask,
  CallArgs,
  CallOptions,
  Extras,
  Handlers,
  Input,
  InvalidTask,
  NoInput,
  Output,
  Remote,
  Run,
  RunOf,
  StreamRun,
  Task,
  TaskOfClass,
} from './core/types.ts'
export type { Unserializable } from './core/wire-types.ts'
export type { Settled, TaskRun } from './core/run.ts'
export type { Completed } from './core/as-completed.ts'
export type { Group } from './core/group.ts'
export type { JoinOptions } from './core/join.ts'
export type { Limit } from './core/limit.ts'
export type { MapOptions } from './core/map-plan.ts'
export type { Mapped } from './core/map-stream.ts'
export type { Session, SessionOptions } from './core/session.ts'
export type { WaitOptions } from './core/wait.ts'
export { task } from './core/task.ts'
export { any } from './core/any.ts'
export { asCompleted } from './core/as-completed.ts'
export { contract } from './core/contract.ts'
export { delay } from './core/delay.ts'
export { external } from './core/external.ts'
export { group } from './core/group.ts'
export { join } from './core/join.ts'
export { limit } from './core/limit.ts'
export { map } from './core/map.ts'
export { mapStream } from './core/map-stream.ts'
export { Queue } from './core/queue.ts'
export { race } from './core/race.ts'
export { rpc } from './core/rpc-field.ts'
export { Semaphore } from './core/semaphore.ts'
export { session } from './core/session.ts'
export { settled } from './core/settled.ts'
export { shield } from './core/shield.ts'
export { TaskClass } from './core/task-class.ts'
export { timeout } from './core/timeout.ts'
export { wait } from './core/wait.ts'
export { isMain } from './core/is-main.ts'
export { useTask } from './core/context.ts'
export {
  CowaitError,
  EngineError,
  NotSerializableError,
  ProtocolError,
  RemoteError,
  TaskCancelledError,
  TaskError,
  TaskFailedError,
  TaskLostError,
  TaskTimeoutError,
  UsageError,
  ValidationError,
} from './core/errors.ts'
