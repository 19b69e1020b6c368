/**
 * Every error that this package makes. A subclass of the task errors says how a run ended; `code` says the same as text.
 * `instanceof` also holds between two copies of the package in one process: a class knows its own by a brand, not by identity.
 */
import type { Exit } from './engine.ts'
import type { ErrorCode } from './events.ts'

/** One step from the failed run down to the one whose function threw. `at` is the frame where that run was awaited. */
export interface ErrorStep {
  readonly id: string
  readonly task: string
  readonly at?: string
}

/** What a validator found, as Standard Schema words it. */
export interface ValidationIssue {
  readonly message: string
  readonly path?: readonly PropertyKey[]
}

/** Any class of errors, whatever its constructor takes. */
export type ErrorClass = abstract new (...args: never[]) => Error

const brands = new WeakMap<object, symbol>()

/** Gives a class its name and the brand by which `instanceof` knows its errors. */
function brand(errorClass: ErrorClass, name: string): void {
  const symbol = Symbol.for(`cowait.error.${name}`)
  brands.set(errorClass, symbol)
  const hidden = { enumerable: false, configurable: true, writable: true }
  Object.defineProperties(errorClass.prototype, { name: { ...hidden, value: name }, [symbol]: { ...hidden, value: true } })
}

/** A class of a user that extends one of ours has no brand: the prototype chain decides. */
function hasInstance(errorClass: object, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const symbol = brands.get(errorClass)
  return symbol ? symbol in value : Function.prototype[Symbol.hasInstance].call(errorClass, value)
}

/** An absent cause must not print as `[cause]: undefined`. */
function causeOf(init: { readonly cause?: unknown }): ErrorOptions | undefined {
  return init.cause === undefined ? undefined : { cause: init.cause }
}

/** The base of the errors that this package makes. `code` is stable; messages are for people. */
export class CowaitError extends Error {
  static {
    brand(this, 'CowaitError')
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return hasInstance(this, value)
  }

  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export interface TaskErrorInit {
  /** Left out for a run that was refused before it had an id. */
  readonly taskId?: string
  readonly task: string
  readonly message: string
  readonly cause?: unknown
}

/** A run that did not end well. Its subclasses say how. */
export class TaskError extends CowaitError {
  static {
    brand(this, 'TaskError')
  }

  /** The run's id; empty for a run that never started. */
  readonly taskId: string
  /** Which task it was: `jobs/math:square`. */
  readonly task: string

  constructor(code: ErrorCode, init: TaskErrorInit) {
    super(code, init.message, causeOf(init))
    this.taskId = init.taskId ?? ''
    this.task = init.task
  }
}

/** The task's function threw. `cause` is what it threw, however deep in the run tree. */
export class TaskFailedError extends TaskError {
  static {
    brand(this, 'TaskFailedError')
  }

  declare readonly cause: Error
  /** From the failed run down to the one whose function threw. */
  readonly path: readonly ErrorStep[]

  constructor(init: TaskErrorInit & { readonly code?: ErrorCode; readonly cause: Error; readonly path?: readonly ErrorStep[] }) {
    super(init.code ?? 'TASK_FAILED', init)
    this.path = init.path ?? [{ id: this.taskId, task: this.task }]
  }
}

/** The run was cancelled: by its caller, by the end of its owner, or from outside. */
export class TaskCancelledError extends TaskError {
  static {
    brand(this, 'TaskCancelledError')
  }

  constructor(init: TaskErrorInit) {
    super('TASK_CANCELLED', init)
  }
}

/**
 * The run took longer than its `timeout` or `startTimeout`, or its caller's time was over. Where that left no time for another
 * attempt, `cause` is what the last one threw.
 */
export class TaskTimeoutError extends TaskError {
  static {
    brand(this, 'TaskTimeoutError')
  }

  constructor(init: TaskErrorInit) {
    super('TASK_TIMEOUT', init)
  }
}

/** The worker went away before its run had ended: killed, out of memory, unreachable. */
export class TaskLostError extends TaskError {
  static {
    brand(this, 'TaskLostError')
  }

  /** How the worker ended, where the engine knows. */
  declare readonly exit?: Exit
  /** What it printed last. */
  readonly lastLines: readonly string[]

  constructor(init: TaskErrorInit & { readonly exit?: Exit; readonly lastLines?: readonly string[] }) {
    super('TASK_LOST', init)
    if (init.exit) this.exit = init.exit
    this.lastLines = init.lastLines ?? []
  }
}

/** An input or an output that the task's schema does not accept. Never retried. */
export class ValidationError extends TaskError {
  static {
    brand(this, 'ValidationError')
  }

  readonly issues: readonly ValidationIssue[]

  constructor(init: TaskErrorInit & { readonly code?: 'INVALID_INPUT' | 'INVALID_OUTPUT'; readonly issues: readonly ValidationIssue[] }) {
    super(init.code ?? 'INVALID_INPUT', init)
    this.issues = init.issues
  }
}

/** An engine could not do what it was asked for: no daemon, no such image, no room. */
export class EngineError extends CowaitError {
  static {
    brand(this, 'EngineError')
  }

  /** What to do about it, where the engine knows. */
  declare readonly hint?: string

  constructor(message: string, options: ErrorOptions & { readonly hint?: string | undefined } = {}) {
    super('ENGINE', message, causeOf(options))
    if (options.hint !== undefined) this.hint = options.hint
  }
}

/** The other end of a channel said something that the protocol does not allow. */
export class ProtocolError extends CowaitError {
  static {
    brand(this, 'ProtocolError')
  }

  constructor(message: string, options?: ErrorOptions) {
    super('PROTOCOL', message, options)
  }
}

/** Something was asked for that makes no sense: an unknown option, a malformed duration. */
export class UsageError extends CowaitError {
  static {
    brand(this, 'UsageError')
  }

  constructor(message: string, options?: ErrorOptions) {
    super('USAGE', message, options)
  }
}

/** A value that cannot cross a container border. The message begins with its path, such as `input.a.deep[1]`. */
export class NotSerializableError extends CowaitError {
  static {
    brand(this, 'NotSerializableError')
  }

  constructor(message: string, options: ErrorOptions & { readonly code?: 'NOT_SERIALIZABLE' | 'PAYLOAD_TOO_LARGE' } = {}) {
    super(options.code ?? 'NOT_SERIALIZABLE', message, causeOf(options))
  }
}

export interface RemoteErrorInit extends ErrorOptions {
  /** The name that the error had in its own process. */
  readonly name: string
  readonly code?: string | number
  readonly data?: Readonly<Record<string, unknown>>
  readonly stack?: string
}

/**
 * An error of a class that this process does not know, as it was in its own process: name, message, stack, cause, `code`.
 * List the class in the task's `errors` to get an instance of it instead.
 */
export class RemoteError extends Error {
  static {
    brand(this, 'RemoteError')
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return hasInstance(this, value)
  }

  declare readonly code?: string | number
  /** The error's own fields. */
  readonly data: Readonly<Record<string, unknown>>

  constructor(message: string, init: RemoteErrorInit) {
    super(message, causeOf(init))
    const hidden = { enumerable: false, configurable: true, writable: true }
    Object.defineProperty(this, 'name', { ...hidden, value: init.name })
    Object.defineProperty(this, 'stack', { ...hidden, value: init.stack ?? `${init.name}: ${message}` })
    if (init.code !== undefined) this.code = init.code
    this.data = init.data ?? {}
    if (Object.keys(this.data).length === 0) Object.defineProperty(this, 'data', { enumerable: false })
  }
}
