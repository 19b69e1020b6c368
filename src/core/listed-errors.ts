import type { ErrorClass } from './error-wire.ts'

/** The error classes that any task loaded here lists: an error that passed through a task that does not know its class is rebuilt too. */
const shared = globalThis as { [key: symbol]: unknown }
const classes = (shared[Symbol.for('cowait.listed-errors')] ??= new Map<string, ErrorClass>()) as Map<string, ErrorClass>

export function listErrors(listed: readonly ErrorClass[] = []): void {
  for (const errorClass of listed) classes.set(errorClass.name, errorClass)
}

/** `own` first: of two classes of one name the task's own is meant. */
export function listedErrors(own: readonly ErrorClass[] = []): readonly ErrorClass[] {
  return [...own, ...classes.values()]
}
