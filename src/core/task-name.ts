import type { TaskRef } from './events.ts'

/** As people and records name it: `module:export`, or the module alone for a task that is not exported. */
export function taskName({ module, export: name }: TaskRef): string {
  return name === '' ? module : `${module}:${name}`
}
