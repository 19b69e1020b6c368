import { ValidationError } from './errors.ts'
import type { StandardIssue, StandardSchemaV1 } from './standard-schema.ts'

interface Checked {
  readonly task: string
  readonly taskId: string
  readonly what: 'input' | 'output'
}

/** What the schema makes of the value. Throws a `ValidationError` that names each path and what was expected there. */
export async function validate(schema: StandardSchemaV1 | undefined, value: unknown, { task, taskId, what }: Checked): Promise<unknown> {
  if (!schema) return value
  const result = await schema['~standard'].validate(value)
  if (!result.issues) return result.value
  const lines = result.issues.map((issue) => `${pathOf(what, issue)}: ${issue.message}`)
  const message = `${taskId || task} has an invalid ${what}:\n  ${lines.join('\n  ')}`
  const issues = result.issues.map((issue) => ({ message: issue.message, path: keysOf(issue) }))
  throw new ValidationError({ task, taskId, code: what === 'input' ? 'INVALID_INPUT' : 'INVALID_OUTPUT', message, issues })
}

function keysOf(issue: StandardIssue): PropertyKey[] {
  return (issue.path ?? []).map((part) => (typeof part === 'object' ? part.key : part))
}

function pathOf(what: string, issue: StandardIssue): string {
  return (
    what +
    keysOf(issue)
      .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
      .join('')
  )
}
