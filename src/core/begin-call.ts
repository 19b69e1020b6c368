/** What a task's call does: everything that can be refused is refused here, at the caller's line, then a run begins. */
import { captureFrames } from './caller-line.ts'
import type { CallRequest } from './caller.ts'
import { checkSignal } from './check-signal.ts'
import type { TaskDefinition } from './definition.ts'
import { NotSerializableError, UsageError } from './errors.ts'
import { createRunId, isRunId } from './ids.ts'
import type { TaskOptions } from './options.ts'
import { lateStackOf, locate, nameOf } from './registry.ts'
import { mergeOptions, resolveOptions } from './resolve-options.ts'
import { rootScope, stillLoading } from './root.ts'
import { TaskRun } from './run.ts'
import { currentScope } from './scope.ts'
import { show } from './show.ts'
import { refuseInput, validateInput } from './validate.ts'
import { firstFrame } from './stack-text.ts'
import type { Encoded } from './value.ts'
import { encode } from './values/encode.ts'

type Method = (...args: unknown[]) => unknown

interface ReadOptions {
  readonly signal: AbortSignal | undefined
  readonly id: string | undefined
  readonly handlers: Readonly<Record<string, Method | undefined>>
  readonly options: TaskOptions
}

/** Throws only while a module loads; every other refusal is the run's own failure. */
export function beginCall(
  definition: TaskDefinition,
  linked: AbortSignal | undefined,
  args: unknown[],
  below: (...args: unknown[]) => unknown,
): TaskRun<unknown> {
  const scope = currentScope() ?? rootScope()
  if (scope.loading) throw stillLoading()
  const name = nameOf(definition.place)
  const callStack = captureFrames(below) || scope.frames
  let request: CallRequest = {
    id: createRunId(definition.options.name ?? name),
    task: locate(definition.place),
    definition,
    input: encode({}),
    options: {},
    shield: scope.shield,
    handlers: [],
    isExternal: definition.isExternal ?? false,
  }
  let signal = linked
  try {
    scope.assertOpen(name)
    refuseLate(definition)
    const call = readCallOptions(args, name)
    signal = call.signal ?? linked
    const options = mergeOptions(scope.defaults, definition.options, call.options)
    const handlers = Object.entries(call.handlers).filter(([, handler]) => handler !== undefined)
    request = {
      ...request,
      id: call.id ?? createRunId(options.name ?? name),
      input: encodeInput(args, name),
      options: resolveOptions(options, `${name}()`),
      handlers: handlers.map(([key]) => key),
    }
    const input = args[0] ?? {}
    refuseInput(definition, input, { task: name, taskId: request.id })
    const when = typeof options.retry === 'object' ? options.retry.when : undefined
    const checked = validateInput(definition, input, { task: name, taskId: request.id })
    return new TaskRun({ scope, definition, request, callStack, signal, handlers: call.handlers, when, checked })
  } catch (error) {
    return new TaskRun({ scope, definition, request, callStack, signal, refused: error as Error })
  }
}

/** A worker loads the task's module, and calls none of its functions to have the task made. */
function refuseLate({ place, isExternal }: TaskDefinition): void {
  const stack = isExternal ? undefined : lateStackOf(place)
  if (stack !== undefined)
    throw new UsageError(
      `a task that is made inside of a function (${firstFrame(stack) ?? place.file}) cannot be found by its worker. Make it at the top of its module, and pass what it needs as its input.`,
    )
}

function readCallOptions(args: unknown[], name: string): ReadOptions {
  if (args.length > 2)
    throw new UsageError(`${name}() takes one input object and options; it got ${args.length} arguments. Write ${name}({ key: value }).`)
  const written = args[1] ?? {}
  if (typeof written !== 'object')
    throw new UsageError(`${name}() takes options as its second argument; it got ${show(written)}. Write ${name}({ key: value }).`)
  const { signal, id, handlers = {}, ...options } = written as { signal?: unknown; id?: unknown; handlers?: unknown }
  checkSignal(signal, `${name}()`)
  if (id !== undefined && !isRunId(id))
    throw new UsageError(
      `${name}(): id: ${show(id)} is not a run's id: lower case letters, digits and "-", beginning with a letter, 63 at most.`,
    )
  return { signal, id, handlers: checkHandlers(handlers, name), options }
}

function checkHandlers(handlers: unknown, name: string): Readonly<Record<string, Method | undefined>> {
  if (typeof handlers !== 'object' || handlers === null)
    throw new UsageError(`${name}(): handlers: ${show(handlers)} is not an object of functions.`)
  for (const [key, handler] of Object.entries(handlers))
    if (handler !== undefined && typeof handler !== 'function')
      throw new UsageError(`${name}(): handlers.${key}: ${show(handler)} is not a function.`)
  return handlers as Readonly<Record<string, Method | undefined>>
}

function encodeInput(args: unknown[], name: string): Encoded {
  const input = args[0] === undefined ? {} : args[0]
  const encoded = encode(input, 'input')
  if (typeof input === 'object' && input !== null && !Array.isArray(input) && isRecord(input)) return encoded
  throw new NotSerializableError(`${name}() takes one input object; it got ${show(input)}. Write ${name}({ key: value }).`)
}

/** Not a Map, a Date or another value of its own that happens to be an object. */
function isRecord(input: object): boolean {
  return !(Symbol.toStringTag in input) && !(input instanceof Date) && !(input instanceof RegExp) && !(input instanceof Error)
}
