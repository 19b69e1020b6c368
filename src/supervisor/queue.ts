import type { RunRecord } from './tree-messages.ts'

/**
 * Which run starts next. At most `width` runs take a place. The deepest waiting run goes first, so a recursive program finishes
 * branches before it opens new ones and the number of workers alive stays small; runs of one depth go in order of their calls.
 */
export class Queue {
  readonly width: number
  #taken = 0
  /** By depth; a Map keeps the order of arrival and deletes in constant time. */
  readonly #byDepth: Map<string, RunRecord>[] = []
  #announce: RunRecord[] = []

  constructor(width: number) {
    this.width = width
  }

  /** How many places are taken. */
  get taken(): number {
    return this.#taken
  }

  add(run: RunRecord): void {
    const level = (this.#byDepth[run.depth] ??= new Map<string, RunRecord>())
    level.set(run.id, run)
    this.#announce.push(run)
  }

  delete(run: RunRecord): void {
    this.#byDepth[run.depth]?.delete(run.id)
  }

  /** Places taken or given back. */
  count(change: 1 | -1): void {
    this.#taken += change
  }

  /** Takes the next run out, if there is a place for it. */
  next(): RunRecord | undefined {
    if (this.#taken >= this.width) return undefined
    for (let depth = this.#byDepth.length - 1; depth >= 0; depth--) {
      const first = this.#byDepth[depth]?.values().next().value
      if (!first) continue
      this.delete(first)
      return first
    }
    return undefined
  }

  /** Runs that were added since the last time and found no place. */
  takeNewlyWaiting(): RunRecord[] {
    const waiting = this.#announce.filter((run) => this.#byDepth[run.depth]?.has(run.id))
    this.#announce = []
    return waiting
  }
}
