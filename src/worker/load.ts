import { pathToFileURL } from 'node:url'
import type { TaskRef } from '../core/events.ts'
import type { TaskDefinition } from '../core/definition.ts'
import { placesOf } from '../core/registry.ts'
import { fileOfModule } from './module-files.ts'

/** `import()` of the program that loads user code. */
export type ImportModule = (url: string) => Promise<Record<string, unknown>>

/** Imports a task's module from the tree and finds the task in it. */
export function loadTask(task: TaskRef, code: { readonly path: string }): Promise<TaskDefinition> {
  return loadTaskBy((url) => import(url) as Promise<Record<string, unknown>>, task, code)
}

export async function loadTaskBy(importModule: ImportModule, task: TaskRef, code: { readonly path: string }): Promise<TaskDefinition> {
  const file = fileOfModule(task.module, code.path)
  const namespace = await importModule(pathToFileURL(file).href)
  const definition =
    definitionOf(namespace[task.export]) ??
    definitionOf((namespace['default'] as Record<string, unknown> | undefined)?.[task.export]) ??
    byOrdinal(task, file)
  if (!definition) throw new Error(missing(task, Object.keys(namespace)))
  if (task.ordinal !== undefined && definition.place.ordinal !== task.ordinal) {
    throw new Error(
      `${task.module}:${task.export} is task number ${definition.place.ordinal} of its file here and number ${task.ordinal} at its caller: the two run different versions of the code.`,
    )
  }
  return definition
}

function missing({ module, export: name, ordinal = 0 }: TaskRef, exported: readonly string[]): string {
  if (name !== '') return `Module ${module} has no task called ${name}. It exports: ${exported.join(', ') || 'nothing'}.`
  return (
    `Module ${module} does not make a task number ${ordinal + 1} while it loads. A task that is made inside of a function cannot be found ` +
    'by its worker: make it at the top of its module, and pass what it needs as its input.'
  )
}

function definitionOf(value: unknown): TaskDefinition | undefined {
  return typeof value === 'function' ? (value as { '~task'?: TaskDefinition })['~task'] : undefined
}

/** A task that is not exported: the n-th one that its file created. */
function byOrdinal(task: TaskRef, file: string): TaskDefinition | undefined {
  return task.ordinal === undefined || task.export !== '' ? undefined : placesOf(file)[task.ordinal]?.definition
}
