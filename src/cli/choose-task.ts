import { basename } from 'node:path'
import { UsageError } from '../core/errors.ts'
import type { TaskDescription } from '../project/describe.ts'
import { didYouMean } from '../core/nearest.ts'

interface Wanted {
  /** As the user wrote it, for messages. */
  readonly name: string
  readonly module: string
  readonly export?: string | undefined
}

/**
 * The task that a name means among those of its module: the export that was named, in any case and with or without dashes; else the
 * default export, else the only one, else the one that is named like its file.
 */
export function chooseTask({ name, module, export: wanted }: Wanted, tasks: readonly TaskDescription[]): TaskDescription {
  if (tasks.length === 0)
    throw new UsageError(
      `${module} has no task. Export one: export const ${folded(basename(module)) || 'hello'} = task(async () => { ... })`,
    )
  const found = wanted === undefined ? withoutName(module, tasks) : byName(wanted, tasks)
  if (found) return found
  const list = tasks.map((task) => `${module}:${task.export}`).join(', ')
  if (wanted === undefined) throw new UsageError(`${name} has several tasks; say which: ${list}`)
  throw new UsageError(
    `${module} has no task ${JSON.stringify(wanted)}; it has ${list}.${didYouMean(
      wanted,
      tasks.map((task) => task.export),
    )}`,
  )
}

function byName(wanted: string, tasks: readonly TaskDescription[]): TaskDescription | undefined {
  const exact = tasks.find((task) => task.export === wanted)
  if (exact) return exact
  const [only, ...others] = tasks.filter((task) => folded(task.export) === folded(wanted))
  return others.length === 0 ? only : undefined
}

function withoutName(module: string, tasks: readonly TaskDescription[]): TaskDescription | undefined {
  const [only, ...others] = tasks
  return tasks.find((task) => task.export === 'default') ?? (others.length === 0 ? only : byName(basename(module), tasks))
}

function folded(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '')
}
