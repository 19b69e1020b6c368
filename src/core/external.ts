import { readRef } from './read-definition.ts'
import type { TaskOptions } from './options.ts'
import { createPlace } from './registry.ts'
import { resolveOptions } from './resolve-options.ts'
import { createTask } from './task.ts'
import type { AnyTask, Extras, Task } from './types.ts'

/**
 * A task whose code is not loaded here, by its place: `external<typeof train>('jobs/train:train')`. The module is a path from the
 * project's root, with or without its ending. A ref without an export means the export called like the module's last part. The task's own
 * options hold below those given here; its schema is checked in its worker.
 */
export function external<T extends AnyTask>(ref: string, options?: TaskOptions): T
export function external<I extends object, O, X extends Extras = {}>(ref: string, options?: TaskOptions): Task<I, O, X>
export function external(ref: string, options: TaskOptions = {}): unknown {
  if (typeof ref !== 'string' || ref === '') throw new TypeError('external() takes the place of a task, such as "jobs/train:train".')
  resolveOptions(options, `external(${JSON.stringify(ref)})`)
  const place = createPlace(external as (...args: never[]) => unknown)
  const hasExport = ref.replace(/^pkg:/, '').includes(':')
  const { module, export: name } = readRef(hasExport ? ref : `${ref}:${(ref.split('/').pop() ?? ref).replace(/\.\w+$/, '')}`)
  place.ref = { module: module.replace(/^(?:\.\/+)+/, ''), export: name }
  return createTask({ place, options, isExternal: true, open: () => refuseHere(ref) })
}

function refuseHere(ref: string): never {
  throw new Error(`${ref} is external: its code is not here. Bug: it was to run in a worker that loads it.`)
}
