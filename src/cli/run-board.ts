import type { ErrorSummary, Preview, RunEvent, Status, TaskRef } from '../core/events.ts'
import type { StartPhase } from '../core/engine.ts'
import { formatTime, grouped } from './format.ts'

/** What is known of one run, as the events told it. */
export interface RunEntry {
  readonly id: string
  readonly parent: string | null
  readonly name: string
  readonly task: TaskRef
  readonly engine: string
  readonly input?: Preview
  readonly createdAt: number
  readonly children: RunEntry[]
  status: Status
  attempt: number
  /** When its present status began. */
  since: number
  /** Time in each status so far, all attempts together, up to `since`. */
  readonly spentMs: { waiting: number; starting: number; running: number }
  /** Why it waits. */
  reason?: string
  phase?: StartPhase
  worker?: string
  cancelling?: string
  progress?: { readonly value: number; readonly total?: number; readonly message?: string }
  lastLine?: string
  settledAt?: number
  output?: Preview
  error?: ErrorSummary
  removed: boolean
}

const SETTLED: ReadonlySet<Status> = new Set(['done', 'failed', 'cancelled'])

export function isSettled(entry: RunEntry): boolean {
  return SETTLED.has(entry.status)
}

/** How long a settled run took from its first start on, and how long it waited, where that is worth a word. */
export function spentText({ spentMs: { waiting, starting, running } }: RunEntry): string {
  const waited = waiting < 1_000 ? '' : ` (waited ${formatTime(waiting)})`
  return formatTime(starting + running) + waited
}

/** Folds events into the state of every run; the views, `--json` and the report stand on it. */
export class RunBoard {
  readonly #runs = new Map<string, RunEntry>()
  readonly #workers = new Set<string>()
  readonly roots: RunEntry[] = []
  readonly counts: Record<Status, number> = { waiting: 0, starting: 0, running: 0, done: 0, failed: 0, cancelled: 0 }

  /** How many workers were started. */
  get workers(): number {
    return this.#workers.size
  }

  get size(): number {
    return this.#runs.size
  }

  get(run: string): RunEntry | undefined {
    return this.#runs.get(run)
  }

  all(): IterableIterator<RunEntry> {
    return this.#runs.values()
  }

  /** Answers the run that the event is about; nothing for an event of a run that was never created here. */
  apply(event: RunEvent): RunEntry | undefined {
    if (event.type === 'created') return this.#create(event)
    const run = this.#runs.get(event.run)
    if (!run) return undefined
    switch (event.type) {
      case 'waiting':
        this.#enter(run, 'waiting', event.at)
        run.attempt = event.attempt
        run.reason = event.reason
        break
      case 'starting':
        if (run.status !== 'starting') this.#enter(run, 'starting', event.at)
        run.attempt = event.attempt
        if (event.phase) run.phase = event.phase
        this.#workers.add(event.worker)
        run.worker = event.worker
        break
      case 'running':
        this.#enter(run, 'running', event.at)
        run.attempt = event.attempt
        break
      case 'log':
        run.lastLine = event.text
        break
      case 'progress':
        run.progress = event
        break
      case 'retrying':
        this.#forgetUnborn(run, event.error)
        this.#enter(run, 'waiting', event.at)
        run.reason = `attempt ${event.attempt} failed`
        delete run.progress
        delete run.cancelling
        break
      case 'cancelling':
        run.cancelling = event.reason
        break
      case 'settled':
        if (event.error) this.#forgetUnborn(run, event.error)
        this.#enter(run, event.status, event.at)
        run.settledAt = event.at
        run.attempt = event.attempt
        if (event.output) run.output = event.output
        if (event.error) run.error = event.error
        break
      case 'removed':
        run.removed = true
        break
      case 'dropped':
      case 'notice':
        break
      default:
        event satisfies never
    }
    return run
  }

  /** An engine that could not start a worker has started none. */
  #forgetUnborn(run: RunEntry, error: ErrorSummary): void {
    if (error.code === 'ENGINE' && run.status === 'starting' && run.worker !== undefined) this.#workers.delete(run.worker)
  }

  #create(event: Extract<RunEvent, { type: 'created' }>): RunEntry {
    const run: RunEntry = {
      id: event.run,
      parent: event.parent,
      name: event.name,
      task: event.task,
      engine: event.engine,
      ...(event.input && { input: event.input }),
      createdAt: event.at,
      children: [],
      status: 'waiting',
      attempt: 1,
      since: event.at,
      spentMs: { waiting: 0, starting: 0, running: 0 },
      removed: false,
    }
    this.#runs.set(run.id, run)
    this.counts.waiting++
    const siblings = (event.parent !== null && this.#runs.get(event.parent)?.children) || this.roots
    siblings.push(run)
    return run
  }

  #enter(run: RunEntry, status: Status, at: number): void {
    if (run.status === 'waiting' || run.status === 'starting' || run.status === 'running') {
      run.spentMs[run.status] += Math.max(0, at - run.since)
    }
    this.counts[run.status]--
    this.counts[status]++
    run.status = status
    run.since = at
    delete run.reason
    delete run.phase
  }
}

/** `2 running · 1 waiting · 3 done`. */
export function countsText({ counts }: RunBoard): string {
  const present = (['running', 'starting', 'waiting', 'done', 'failed', 'cancelled'] as const).filter((status) => counts[status] > 0)
  return present.map((status) => `${grouped(counts[status])} ${status}`).join(' · ')
}
