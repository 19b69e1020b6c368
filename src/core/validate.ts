import type { TaskDefinition } from './definition.ts'
import { ValidationError, type ValidationIssue } from './errors.ts'
import { show } from './show.ts'
import type { StandardIssue, StandardResult, StandardSchemaV1 } from './standard-schema.ts'

export interface Subject {
  readonly task: string
  /** Empty for a run that has not started. */
  readonly taskId: string
}

type What = 'input' | 'output'

/** What the schema makes of the value. Throws a `ValidationError` that names each path, the value there and what was expected. */
export async function validate(
  schema: StandardSchemaV1 | undefined,
  value: unknown,
  subject: Subject & { readonly what: What },
): Promise<unknown> {
  if (!schema) return value
  return resultOf(await schema['~standard'].validate(value), value, subject, subject.what)
}

/**
 * Asks the schema before a worker is started; what it makes of the input is not used: that is the worker's to do, once.
 * Throws if the schema answers at once, else the promise rejects.
 */
export function validateInput(
  { input: schema, changesInput }: TaskDefinition,
  value: unknown,
  subject: Subject,
): Promise<void> | undefined {
  if (!schema || changesInput) return undefined
  const result = schema['~standard'].validate(value)
  if (!(result instanceof Promise)) return void resultOf(result, value, subject, 'input')
  return result.then((answer) => void resultOf(answer, value, subject, 'input'))
}

/** Throws for keys that a task without an input cannot take. */
export function refuseInput({ takesNoInput }: TaskDefinition, value: unknown, { task, taskId }: Subject): void {
  const keys = takesNoInput && typeof value === 'object' && value !== null ? Object.keys(value) : []
  if (keys.length === 0) return
  const message = `${taskId || task} has an invalid input:\n  input.${keys[0]}: ${task} takes no input, and it got ${show(value)}`
  throw new ValidationError({
    task,
    taskId,
    message,
    issues: keys.map((key) => ({ message: 'unknown key: the task takes no input', path: [key] })),
  })
}

function resultOf(result: StandardResult<unknown>, value: unknown, { task, taskId }: Subject, what: What): unknown {
  if (!result.issues) return result.value
  const issues = result.issues.map((issue): ValidationIssue => ({ message: issue.message, path: keysOf(issue) }))
  const lines = issues.map(
    ({ message, path = [] }) => `${pathOf(what, path)}: ${message.replaceAll('\n', ' ')}, and it is ${show(at(value, path))}`,
  )
  const message = `${taskId || task} has an invalid ${what}:\n  ${lines.join('\n  ')}`
  throw new ValidationError({ task, taskId, code: what === 'input' ? 'INVALID_INPUT' : 'INVALID_OUTPUT', message, issues })
}

function keysOf(issue: StandardIssue): PropertyKey[] {
  // A validator's path may be an array of a class of its own, which `map` would make again.
  return Array.from(issue.path ?? [], (part) => (typeof part === 'object' ? part.key : part))
}

function pathOf(what: string, path: readonly PropertyKey[]): string {
  return what + path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  let inner = value
  for (const key of path) {
    if (inner instanceof Map) inner = inner.get(key)
    else if (typeof inner === 'object' && inner !== null) inner = (inner as Record<PropertyKey, unknown>)[key]
    else return undefined
  }
  return inner
}
