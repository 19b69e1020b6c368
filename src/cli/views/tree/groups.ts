import type { Status } from '../../../core/events.ts'
import type { RunEntry } from '../../run-board.ts'

/** The children of one parent that run the same task, counted, so that drawing ten thousand costs what drawing one line costs. */
export interface RunGroup {
  readonly name: string
  size: number
  readonly counts: Record<Status, number>
  /** The first ones, for as long as the group is small. */
  readonly first: RunEntry[]
  /** Starting or running now. */
  readonly live: Set<RunEntry>
}

/** More children than this of one task are drawn as one line. */
export const FEW = 6

export class RunGroups {
  readonly #byParent = new Map<string, Map<string, RunGroup>>()
  readonly #known = new Map<string, { readonly group: RunGroup; status: Status }>()

  /** Called after the board has taken an event in. */
  update(run: RunEntry): void {
    const known = this.#known.get(run.id)
    if (!known) return this.#add(run)
    if (known.status === run.status) return
    known.group.counts[known.status]--
    known.group.counts[run.status]++
    known.status = run.status
    if (run.status === 'starting' || run.status === 'running') known.group.live.add(run)
    else known.group.live.delete(run)
  }

  of(run: RunEntry): Iterable<RunGroup> {
    return this.#byParent.get(run.id)?.values() ?? []
  }

  #add(run: RunEntry): void {
    if (run.parent === null) return
    const siblings = this.#byParent.get(run.parent) ?? new Map<string, RunGroup>()
    this.#byParent.set(run.parent, siblings)
    const key = `${run.task.module}:${run.task.export}:${run.name}`
    let group = siblings.get(key)
    if (!group) {
      group = {
        name: run.name,
        size: 0,
        counts: { waiting: 0, starting: 0, running: 0, done: 0, failed: 0, cancelled: 0 },
        first: [],
        live: new Set(),
      }
      siblings.set(key, group)
    }
    group.size++
    group.counts[run.status]++
    if (group.first.length < FEW) group.first.push(run)
    this.#known.set(run.id, { group, status: run.status })
  }
}
