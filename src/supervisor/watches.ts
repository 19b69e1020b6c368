/** Who watches which run: a caller hears of its own children, and of what is below them if it asks for that. */
import type { RunEvent } from '../core/events.ts'
import { isSameCaller, type CallerIdentity } from './caller-identity.ts'
import type { RunRecord } from './tree-messages.ts'
import { weightOf } from './weight-of.ts'

const keptLines = 200
/** What the lines of a run hold together, their fields included; the last one is kept whatever its text. */
const keptWeight = 64 * 1024

export interface Watcher {
  readonly identity: CallerIdentity
  readonly child: string
  readonly tree: boolean
  readonly tell: (event: RunEvent) => void
}

/** Runs that have ended of which the latest lines are kept. */
const keptRuns = 100

interface Lines {
  readonly latest: { readonly event: LogEvent; readonly weight: number }[]
  weight: number
  readonly caller: Pick<CallerIdentity, 'parent' | 'client'>
}

type LogEvent = Extract<RunEvent, { type: 'log' }>

export class Watches {
  readonly #runs: ReadonlyMap<string, RunRecord>
  readonly #byRun = new Map<string, Watcher[]>()
  /** Who watches a run that there is not yet; an earlier one may still have its id. */
  readonly #expected = new Map<string, Watcher[]>()
  /** The latest lines, for who asks late. */
  readonly #lines = new Map<string, Lines>()
  /** The same of runs that have ended, the oldest first. */
  readonly #ended = new Map<string, Lines>()

  constructor(runs: ReadonlyMap<string, RunRecord>) {
    this.#runs = runs
  }

  /**
   * Tells the latest lines at once, and everything from now on until the run is gone. Another watch of the caller replaces its first.
   * Of a run that there is not, and that is not `expected` either, there will be nothing to tell.
   */
  add(watcher: Watcher, expected: boolean): void {
    const { child } = watcher
    if (expected) return put(this.#expected, watcher)
    const ended = this.#ended.get(child)
    if (ended) {
      if (isSameCaller(watcher.identity, ended.caller)) for (const { event } of ended.latest) watcher.tell(event)
      return
    }
    const run = this.#runs.get(child)
    if (!run) return
    put(this.#byRun, watcher)
    if (!isSameCaller(watcher.identity, run)) return
    for (const { event } of this.#lines.get(child)?.latest ?? []) watcher.tell(event)
  }

  /** A caller has ended: those of its calls that have not begun never will. */
  drop(caller: CallerIdentity): void {
    for (const [child, watchers] of this.#expected)
      if (watchers.some(({ identity }) => isSameCaller(identity, caller))) this.#expected.delete(child)
  }

  /** How many runs are watched. */
  get size(): number {
    return this.#byRun.size + this.#expected.size
  }

  receive(event: RunEvent): void {
    if (event.type === 'log') this.#keep(event)
    if (event.type === 'created') this.#begin(event.run)
    if (this.#byRun.size > 0) this.#tell(event)
    if (event.type === 'settled') this.#end(event.run)
    if (event.type !== 'removed') return
    this.#lines.delete(event.run)
    this.#byRun.delete(event.run)
  }

  #begin(run: string): void {
    this.#ended.delete(run)
    const expected = this.#expected.get(run)
    if (expected) this.#byRun.set(run, expected)
    this.#expected.delete(run)
  }

  #end(run: string): void {
    this.#byRun.delete(run)
    const lines = this.#lines.get(run)
    if (!lines) return
    this.#lines.delete(run)
    this.#ended.set(run, lines)
    for (const id of this.#ended.keys()) if (this.#ended.size > keptRuns) this.#ended.delete(id)
  }

  #tell(event: RunEvent): void {
    for (let id: string | null | undefined = event.run; id; id = this.#runs.get(id)?.parent) {
      const run = this.#runs.get(id)
      for (const watcher of this.#byRun.get(id) ?? [])
        if ((id === event.run || watcher.tree) && run && isSameCaller(watcher.identity, run)) watcher.tell(event)
    }
  }

  #keep(event: LogEvent): void {
    const run = this.#runs.get(event.run)
    if (!run) return
    let kept = this.#lines.get(event.run)
    if (!kept) this.#lines.set(event.run, (kept = { latest: [], weight: 0, caller: callerOf(run) }))
    const { latest } = kept
    const line = weighed(event)
    latest.push(line)
    kept.weight += line.weight
    while (latest.length > keptLines || (kept.weight > keptWeight && latest.length > 1)) kept.weight -= latest.shift()?.weight ?? 0
  }
}

/** Not the run itself, which holds its values: lines are kept for longer. */
function callerOf({ parent, client }: RunRecord): Lines['caller'] {
  return { parent, client }
}

/** Fields that alone are more than a run's lines may hold are not kept. */
function weighed(event: LogEvent): Lines['latest'][number] {
  const { text, fields } = event
  const weight = fields ? weightOf(fields, keptWeight) : 0
  if (weight <= keptWeight) return { event, weight: text.length + weight }
  const { fields: _tooLarge, ...bare } = event
  return { event: bare, weight: text.length }
}

function put(watchers: Map<string, Watcher[]>, watcher: Watcher): void {
  const { identity, child } = watcher
  const others = (watchers.get(child) ?? []).filter((each) => !isSameCaller(each.identity, identity))
  watchers.set(child, [...others, watcher])
}
