import {
  CowaitError,
  EngineError,
  type ErrorClass,
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
} from '../errors.ts'

/** Where a decoded error of an unknown class keeps its class names, for when it travels on. */
export const classNamesKey: symbol = Symbol.for('cowait.error-classes')

/** A decoded error before it is an instance of anything. */
export interface ErrorParts {
  readonly name: string
  /** From its own class upwards; at least one. */
  readonly type: readonly string[]
  readonly message: string
  readonly stack: string
  readonly code?: string | number
  readonly cause?: { readonly value: unknown }
  readonly errors?: readonly unknown[]
  readonly data: Readonly<Record<string, unknown>>
}

const builtins = [
  'Error',
  'TypeError',
  'RangeError',
  'SyntaxError',
  'ReferenceError',
  'EvalError',
  'URIError',
  'AggregateError',
  'SuppressedError',
  'DOMException',
]

type Check = (parts: ErrorParts) => boolean
const hasCode: Check = ({ code }) => typeof code === 'string'
const isOfTask: Check = (parts) => hasCode(parts) && typeof parts.data['taskId'] === 'string' && typeof parts.data['task'] === 'string'
const lists =
  (field: string): Check =>
  (parts) =>
    isOfTask(parts) && Array.isArray(parts.data[field])

/** Our own classes, and whether a document has what an instance of it must have. */
const own = new Map<string, { readonly errorClass: ErrorClass; readonly isComplete: Check }>([
  ['CowaitError', { errorClass: CowaitError, isComplete: hasCode }],
  ['EngineError', { errorClass: EngineError, isComplete: hasCode }],
  ['ProtocolError', { errorClass: ProtocolError, isComplete: hasCode }],
  ['UsageError', { errorClass: UsageError, isComplete: hasCode }],
  ['NotSerializableError', { errorClass: NotSerializableError, isComplete: hasCode }],
  ['TaskError', { errorClass: TaskError, isComplete: isOfTask }],
  ['TaskCancelledError', { errorClass: TaskCancelledError, isComplete: isOfTask }],
  ['TaskTimeoutError', { errorClass: TaskTimeoutError, isComplete: isOfTask }],
  ['TaskLostError', { errorClass: TaskLostError, isComplete: lists('lastLines') }],
  ['ValidationError', { errorClass: ValidationError, isComplete: lists('issues') }],
  ['TaskFailedError', { errorClass: TaskFailedError, isComplete: (parts) => lists('path')(parts) && parts.cause?.value instanceof Error }],
])

/** Whether every receiver rebuilds errors of this class without being told of it. */
export function isKnownErrorClass(name: string): boolean {
  return own.has(name) || builtins.includes(name)
}

/** An instance of the class it was, if that is listed or known, made without calling its constructor; else a `RemoteError`. */
export function rebuildError(parts: ErrorParts, listed: readonly ErrorClass[]): Error {
  const errorClass = findClass(parts, listed)
  if (!errorClass) return createRemote(parts)
  const isDomException = errorClass === DOMException
  const error = isDomException ? withoutStack(() => new DOMException(parts.message, parts.name)) : createBlank(parts, errorClass)
  if (isDomException) hide(error, 'stack', parts.stack)
  if (!isDomException && nameOf(error) !== parts.name) hide(error, 'name', parts.name)
  if (parts.cause) hide(error, 'cause', parts.cause.value)
  if (parts.errors || errorClass === AggregateError) hide(error, 'errors', parts.errors ?? [])
  if (parts.code !== undefined) show(error, 'code', parts.code)
  for (const [key, value] of Object.entries(parts.data)) if (!(key in ownFields)) show(error, key, value)
  return error
}

const ownFields: Readonly<Record<string, true>> = Object.assign(Object.create(null) as Record<string, true>, {
  name: true,
  message: true,
  stack: true,
  cause: true,
})

function findClass(parts: ErrorParts, listed: readonly ErrorClass[]): ErrorClass | undefined {
  for (const name of parts.type) {
    const found = listed.find((errorClass) => errorClass.name === name)
    if (found) return found
  }
  const name = parts.type[0] ?? 'Error'
  const ours = own.get(name)
  if (ours) return ours.isComplete(parts) ? ours.errorClass : undefined
  return builtins.includes(name) ? (globalThis as unknown as Record<string, ErrorClass | undefined>)[name] : undefined
}

function createRemote(parts: ErrorParts): RemoteError {
  const { name, stack, code, cause, errors, data } = parts
  const error = withoutStack(
    () =>
      new RemoteError(parts.message, {
        name,
        stack,
        data: errors ? { ...data, errors } : data,
        ...(code === undefined ? {} : { code }),
      }),
  )
  if (cause) hide(error, 'cause', cause.value)
  hide(error, classNamesKey, parts.type)
  return error
}

/** A true error, so that it prints as one and `util.types.isNativeError` holds, of a class whose constructor is not called. */
function createBlank({ message, stack }: ErrorParts, errorClass: ErrorClass): Error {
  const error = withoutStack(() => new Error(message))
  // Before the prototype: Node asks for the name, which may be a getter of the user, when it first touches the stack.
  hide(error, 'stack', stack)
  return Object.setPrototypeOf(error, errorClass.prototype as object) as Error
}

/** Our own frames say nothing about an error of elsewhere, and would cost memory for each one of a hostile document. */
function withoutStack<E extends Error>(create: () => E): E {
  const limit = Error.stackTraceLimit
  Reflect.set(Error, 'stackTraceLimit', 0)
  try {
    return create()
  } finally {
    Reflect.set(Error, 'stackTraceLimit', limit)
  }
}

/** A user's class may compute its name from private fields, which a rebuilt instance lacks. */
function nameOf(error: Error): string | undefined {
  try {
    return error.name
  } catch {
    return undefined
  }
}

function hide(error: Error, key: PropertyKey, value: unknown): void {
  Object.defineProperty(error, key, { value, enumerable: false, configurable: true, writable: true })
}

function show(error: Error, key: PropertyKey, value: unknown): void {
  Object.defineProperty(error, key, { value, enumerable: true, configurable: true, writable: true })
}
