import type { RunRecord } from './tree-messages.ts'

/**
 * Which run starts next. At most `width` runs take a place.
 *
 * Within the tree of one root the deepest waiting run goes first, so a recursive program finishes branches before it opens new ones
 * and the number of workers alive stays small; runs of one depth go in order of their calls. The trees of open roots take turns, and
 * up to `width` roots are open at once: the calls of one, however many, do not hold up the others.
 */
export class Queue {
  readonly width: number
  #taken = 0
  /** Roots that wait, in order of their calls. */
  readonly #roots = new Set<RunRecord>()
  /** Roots that have started and not ended. */
  readonly #open = new Set<RunRecord>()
  /** What waits below each root, by depth; the first one's turn is next. Sets keep the order of arrival and delete in constant time. */
  readonly #trees = new Map<string, Set<RunRecord>[]>()
  #announce: RunRecord[] = []

  constructor(width: number) {
    this.width = width
  }

  /** How many places are taken. */
  get taken(): number {
    return this.#taken
  }

  add(run: RunRecord): void {
    this.#open.delete(run)
    this.#announce.push(run)
    if (run.parent === null) return void this.#roots.add(run)
    const tree = this.#trees.get(run.root) ?? []
    this.#trees.set(run.root, tree)
    const level = (tree[run.depth] ??= new Set<RunRecord>())
    level.add(run)
  }

  /** The run does not wait any more, or has ended. */
  delete(run: RunRecord): void {
    this.#open.delete(run)
    this.#roots.delete(run)
    const tree = this.#trees.get(run.root)
    tree?.[run.depth]?.delete(run)
    while (tree && tree.length > 0 && !tree.at(-1)?.size) tree.pop()
    if (tree?.length === 0) this.#trees.delete(run.root)
  }

  /** Places taken or given back. */
  count(change: 1 | -1): void {
    this.#taken += change
  }

  /** Takes the next run out, if there is a place for it; `opens` lets a root go before what waits below open ones. */
  next(opens: boolean): RunRecord | undefined {
    if (this.#taken >= this.width) return undefined
    const isRootsTurn = this.#trees.size === 0 || (opens && this.#open.size < this.width)
    const root = isRootsTurn ? first(this.#roots) : undefined
    const run = root ?? this.#nextBelow()
    if (run) this.delete(run)
    if (root) this.#open.add(root)
    return run
  }

  /** Runs that were added since the last time and found no place. */
  takeNewlyWaiting(): RunRecord[] {
    const waiting = this.#announce.filter((run) => this.#roots.has(run) || this.#trees.get(run.root)?.[run.depth]?.has(run))
    this.#announce = []
    return waiting
  }

  /** The deepest run of the tree whose turn it is; that tree goes to the end. */
  #nextBelow(): RunRecord | undefined {
    for (const [root, tree] of this.#trees) {
      this.#trees.delete(root)
      this.#trees.set(root, tree)
      return first(tree.at(-1))
    }
    return undefined
  }
}

function first(runs: Iterable<RunRecord> = []): RunRecord | undefined {
  for (const run of runs) return run
  return undefined
}
