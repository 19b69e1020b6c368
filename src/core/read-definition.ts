/** The three forms of a task, function, object and class, as one definition. */
import { UsageError } from './errors.ts'
import type { ErrorClass } from './error-wire.ts'
import { listErrors } from './listed-errors.ts'
import type { TaskBody, TaskDefinition, TaskPlace } from './definition.ts'
import type { TaskOptions } from './options.ts'
import { resolveOptions } from './resolve-options.ts'
import { isRpcField } from './rpc-field.ts'
import { show } from './show.ts'
import type { StandardSchemaV1 } from './standard-schema.ts'
import type { TaskClass, TaskClassLike } from './task-class.ts'

type Method = (...args: unknown[]) => unknown
type Hook = 'init' | 'before' | 'after' | 'cancelled'
const hooks: readonly Hook[] = ['init', 'before', 'after', 'cancelled']

interface ObjectForm extends TaskOptions, Partial<Record<Hook, Method>> {
  input?: StandardSchemaV1
  output?: StandardSchemaV1
  description?: string
  ref?: string
  errors?: readonly ErrorClass[]
  state?: () => unknown
  rpc?: Record<string, Method | undefined>
  parent?: unknown
  run: Method
}

/** Throws a `TypeError` or `UsageError` that says what is wrong with it. */
export function readDefinition(written: unknown, place: TaskPlace): TaskDefinition {
  if (isClass(written)) return readClass(written, place)
  if (typeof written === 'function') return readFunction(written as Method, place)
  if (typeof written === 'object' && written !== null && typeof (written as ObjectForm).run === 'function')
    return readObject(written as ObjectForm, place)
  throw new TypeError(
    `task() takes an async function, an object with a run function, or a class that extends TaskClass; it got ${show(written)}.`,
  )
}

function isClass(written: unknown): written is TaskClassLike {
  if (typeof written !== 'function') return false
  const prototype = written.prototype as { run?: unknown } | undefined
  return typeof prototype?.run === 'function'
}

function readFunction(run: Method, place: TaskPlace): TaskDefinition {
  checkDefault(run)
  return {
    place,
    options: {},
    methods: [],
    takesNoInput: hasNoParameters(run),
    open: () => ({ state: undefined, run: (input, context) => run(input, context), method: () => undefined }),
  }
}

function readObject(written: ObjectForm, place: TaskPlace): TaskDefinition {
  const {
    input,
    output,
    description,
    ref,
    errors,
    state,
    rpc = {},
    parent: _parent,
    run,
    init,
    before,
    after,
    cancelled,
    ...options
  } = written
  resolveOptions(options, 'task()')
  checkSchema(input, 'input')
  checkSchema(output, 'output')
  checkFunctions({ state, init, before, after, cancelled, ...rpc })
  checkErrors(errors)
  if (input === undefined) checkDefault(run)
  if (ref) place.ref = readRef(ref)
  return {
    place,
    options,
    description,
    input,
    output,
    errors,
    methods: Object.keys(rpc).filter((name) => rpc[name] !== undefined),
    changesInput: before !== undefined,
    takesNoInput: input === undefined && hasNoParameters(run),
    open(): TaskBody {
      const own = state?.()
      const body: TaskBody = {
        state: own,
        run: (value, context) => run.call(written, value, context),
        method: (name) => (Object.hasOwn(rpc, name) ? rpc[name]?.bind(own) : undefined),
      }
      for (const hook of hooks) if (written[hook]) body[hook] = written[hook].bind(written)
      return body
    },
  }
}

function readClass(written: TaskClassLike, place: TaskPlace): TaskDefinition {
  const { input, output, options = {} } = written
  const { errors, description } = written as { errors?: readonly ErrorClass[]; description?: string }
  resolveOptions(options, `class ${(written as { name?: string }).name ?? ''}: options`)
  checkSchema(input, 'static input')
  checkSchema(output, 'static output')
  checkErrors(errors)
  const { run, before } = (written as { prototype: { run: Method; before?: Method } }).prototype
  if (input === undefined) checkDefault(run)
  return {
    place,
    options,
    description,
    input,
    output,
    errors,
    changesInput: before !== undefined,
    takesNoInput: input === undefined && hasNoParameters(run),
    open(): TaskBody {
      const instance = new written() as TaskClass & Record<string, unknown>
      return {
        state: undefined,
        run: (value) => instance.run(value as never),
        init(context) {
          Object.defineProperty(instance, 'ctx', { value: context })
          return instance.init?.()
        },
        before: (value) => (instance.before ? instance.before(value as never) : value),
        after: (outcome) => instance.after?.(outcome),
        cancelled: (reason) => instance.cancelled?.(reason),
        method(name) {
          const field = Object.hasOwn(instance, name) ? instance[name] : undefined
          return isRpcField(field) ? field.bind(instance) : undefined
        },
      }
    },
  }
}

/** `async (`, `async function* name(`, `run(`. */
const HEAD = /^(?:async\b\s*)?(?:function\b\s*)?\*?\s*[\w$]*\s*\(\s*/
/** A first parameter, with as much inside of its braces as needs no parser, whose default is an object with something in it. */
const WHOLE_DEFAULT = /^(?:[\w$]+|\{(?:[^{}'"`/]|\{[^{}'"`/]*\})*\})\s*=\s*\{\s*[\w$'"[.]/

/** The text says that nothing is taken. */
function hasNoParameters(run: Method): boolean {
  return run.length === 0 && parametersOf(run)?.startsWith(')') === true
}

/** Refuses `async ({ n } = { n: 3 }) => ...`: the input of a call without one is `{}`, never undefined. */
function checkDefault(run: Method): void {
  if (run.length === 0 && WHOLE_DEFAULT.test(parametersOf(run) ?? ''))
    throw new UsageError(
      'task(): a default of the whole input never holds, since the input of a call without one is {}. Write defaults inside: ({ n = 3 }).',
    )
}

/** The text of a function from its first parameter on. */
function parametersOf(run: Method): string | undefined {
  const text = Function.prototype.toString.call(run)
  const [head] = HEAD.exec(text) ?? []
  return head === undefined ? undefined : text.slice(head.length)
}

function checkSchema(schema: unknown, name: string): void {
  if (schema === undefined) return
  const standard =
    typeof schema === 'object' || typeof schema === 'function' ? (schema as Partial<StandardSchemaV1> | null)?.['~standard'] : undefined
  if (typeof standard?.validate !== 'function')
    throw new UsageError(
      `task(): ${name}: ${show(schema)} is not a schema: use a validator that speaks Standard Schema, such as zod, valibot or arktype.`,
    )
}

function checkFunctions(named: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(named))
    if (value !== undefined && typeof value !== 'function') throw new UsageError(`task(): ${name}: ${show(value)} is not a function.`)
}

function checkErrors(errors: unknown): void {
  if (errors === undefined) return
  if (!Array.isArray(errors) || errors.some((each) => typeof each !== 'function'))
    throw new UsageError(`task(): errors: ${show(errors)} is not a list of error classes: write errors: [QuotaError].`)
  listErrors(errors as readonly ErrorClass[])
}

/** `jobs/math:square`. */
export function readRef(ref: string): { module: string; export: string } {
  const at = ref.lastIndexOf(':')
  if (at < 1 || at === ref.length - 1)
    throw new TypeError(`ref: ${JSON.stringify(ref)} is not a task's place: write "module:export", such as "jobs/math:square".`)
  return { module: ref.slice(0, at), export: ref.slice(at + 1) }
}
