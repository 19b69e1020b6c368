/**
 * The tree of runs as a pure state machine: a message and a time go in, effects come out. No I/O, no clock, no promise.
 *
 * T1  A run settles once, and only when nothing is left of its children.
 * T2  A run that did not end well settles only when nothing is left of its own worker.
 * T3  A cancelled run never settles as done; what its worker still sends is dropped.
 * T4  A grace is one deadline for the run and everything below it.
 * T5  A run with unfinished children does not count against the width of the queue; neither does one that waits for a named limit.
 * T6  A time-out of a run is a deadline for everything below it that is not shielded; no attempt starts that could only begin after it.
 * T7  A run that would exceed a ceiling fails. Of workers alive, only when none of them can end by itself: else it waits. Of runs that
 *     have not ended, a tenth is kept from the calls of any one run: one that floods takes nothing from the others.
 * T8  A call whose caller is gone, or has begun another attempt, is dropped; once the tree is closed, no root begins.
 * T9  Another attempt may follow a time-out of the run's own, and no other cancel, one after a time-out included. Of which a caller that has
 *     ended would have to say whether it follows, none does.
 */
import type { CancelReason } from '../core/caller.ts'
import { defaultCeilings, type Ceilings } from '../core/ceilings.ts'
import type { ErrorSummary, Status } from '../core/events.ts'
import { callersDeadline, inheritedReason, noTimeError, startTimeoutReason, timeoutReason } from './deadline.ts'
import { cancelledError, timedOutError } from './endings.ts'
import { exceededError } from './exceeded.ts'
import { canAnswer, isOrphan, refusal } from './may-call.ts'
import { Queue } from './queue.ts'
import { retryDelayMs } from './retry.ts'
import type { AttemptOutcome, Effect, RunRecord, Settlement, TimerName, TreeMessage } from './tree-messages.ts'
import { exceededUnfinished } from './unfinished.ts'

export const defaultGraceMs = 5_000

export class RunTree {
  readonly runs: Map<string, RunRecord> = new Map()
  readonly #queue: Queue
  readonly #random: () => number
  readonly #ceilings: Ceilings
  /** Runs that have a worker and are not settled. */
  readonly #alive = new Set<RunRecord>()
  #created = 0
  /** Why no root begins any more. */
  #closed: CancelReason | undefined
  #effects: Effect[] = []
  #now = 0

  /** `random` gives 0 to 1; a test passes its own. */
  constructor(width: number, random: () => number = Math.random, ceilings: Partial<Ceilings> = {}) {
    this.#queue = new Queue(width)
    this.#random = random
    this.#ceilings = { ...defaultCeilings, ...ceilings }
  }

  /** Applies one message. The effects are in the order in which they are to be carried out. */
  apply(message: TreeMessage, now: number): Effect[] {
    this.#effects = []
    this.#now = now
    this.#step(message)
    this.#admit()
    return this.#effects
  }

  #step(message: TreeMessage): void {
    if (message.type === 'call') return this.#create(message)
    if (message.type === 'close') this.#closed = message.reason
    if (message.type === 'client-ended' || message.type === 'close') {
      for (const run of this.runs.values())
        if (run.parent === null && (message.type === 'close' || run.client === message.client))
          this.#cancel(run, message.reason, Infinity, true)
      return
    }
    const run = this.runs.get(message.run)
    if (!run) return
    switch (message.type) {
      case 'running':
        return this.#running(run)
      case 'attempt-ended':
        return this.#attemptEnded(run, message.outcome)
      case 'worker-gone':
        return this.#workerGone(run)
      case 'cancel':
        return this.#cancel(run, message.reason, message.kill ? 0 : Infinity, true)
      case 'retry-answer':
        return this.#retryAnswered(run, message.attempt, message.again)
      case 'timer':
        return this.#timer(run, message.timer)
      case 'waits':
        run.waits = message.isWaiting
        return this.#recount(run)
      default:
        message satisfies never
    }
  }

  #create({ run: call, refused, cancelled }: Extract<TreeMessage, { type: 'call' }>): void {
    const parent = call.parent === null ? undefined : this.runs.get(call.parent)
    const run: RunRecord = {
      ...call,
      root: parent?.root ?? call.id,
      depth: parent ? parent.depth + 1 : 0,
      createdAt: this.#now,
      status: 'waiting',
      phase: 'queued',
      attempt: 0,
      children: new Set(),
      unfinished: 0,
      counted: false,
      worker: 'none',
      waits: false,
    }
    if (isOrphan(call, parent)) return void this.#effects.push({ type: 'release', run, value: run.input })
    this.runs.set(run.id, run)
    if (parent) {
      parent.children.add(run.id)
      parent.unfinished++
      this.#recount(parent)
    }
    this.#emit(run, 'created')
    if (refused) {
      run.outcome = { type: 'lost', error: refused, retryable: false }
      return this.#settle(run)
    }
    const reason = cancelled ?? (parent ? refusal(parent, call.shield) : this.#closed)
    if (reason) {
      run.cancel = { reason, graceMs: 0, deadline: this.#now, isFinal: true, killed: false }
      return this.#settle(run)
    }
    if (run.depth >= this.#ceilings.depth) return this.#exceed(run, 'depth')
    const allowed = exceededUnfinished({ all: this.runs.size, ofCaller: parent?.unfinished ?? 0 }, this.#ceilings.unfinished)
    if (allowed !== undefined) return this.#exceed(run, 'unfinished', allowed)
    if (++this.#created > this.#ceilings.runs) return this.#exceed(run, 'runs')
    this.#enqueue(run)
  }

  #enqueue(run: RunRecord): void {
    if (run.options.startTimeoutMs !== undefined) this.#setTimer(run, 'start', run.options.startTimeoutMs)
    this.#queue.add(run)
  }

  #admit(): void {
    for (let run = this.#next(); run; run = this.#next()) {
      run.phase = 'starting'
      run.status = 'starting'
      run.attempt++
      run.worker = 'live'
      this.#alive.add(run)
      this.#recount(run)
      this.#effects.push({ type: 'status', run }, { type: 'start', run })
    }
    for (const run of this.#queue.takeNewlyWaiting())
      this.#effects.push({
        type: 'emit',
        run,
        event: { type: 'waiting', attempt: run.attempt + 1, reason: `for one of ${this.#queue.width} places` },
      })
  }

  #next(): RunRecord | undefined {
    const room = this.#ceilings.alive - this.#alive.size
    if (room > 0) return this.#queue.next(room > 1)
    while (this.#queue.taken === 0) {
      const run = this.#queue.next(false)
      if (!run) break
      this.#exceed(run, 'alive')
    }
    return undefined
  }

  #exceed(run: RunRecord, ceiling: keyof Ceilings, allowed: number = this.#ceilings[ceiling]): void {
    run.outcome = { type: 'lost', error: exceededError(run, ceiling, allowed), retryable: false }
    this.#settle(run)
  }

  #running(run: RunRecord): void {
    if (run.phase !== 'starting' || run.cancel) return
    run.phase = 'running'
    run.status = 'running'
    run.startedAt = this.#now
    this.#clearTimer(run, 'start')
    if (run.options.timeoutMs !== undefined) this.#setTimer(run, 'timeout', run.options.timeoutMs)
    this.#effects.push({ type: 'status', run })
    this.#emit(run, 'running')
  }

  #attemptEnded(run: RunRecord, outcome: AttemptOutcome): void {
    if (run.outcome || run.phase === 'settled') {
      if ('value' in outcome) this.#effects.push({ type: 'release', run, value: outcome.value })
      return
    }
    run.outcome = outcome
    run.phase = 'closing'
    this.#clearTimer(run, 'start')
    const waits = run.options.orphans === 'wait' && outcome.type === 'done' && !run.cancel
    if (!waits) this.#clearTimer(run, 'timeout')
    for (const child of this.#childrenOf(run)) {
      if (waits) this.#tryFinish(child)
      else this.#cancel(child, { code: 'TASK_CANCELLED', message: `its caller ${run.id} has ended` }, this.#graceLeft(run))
    }
    this.#recount(run)
    this.#tryFinish(run)
  }

  #workerGone(run: RunRecord): void {
    run.worker = 'gone'
    this.#alive.delete(run)
    this.#clearTimer(run, 'grace')
    this.#tryFinish(run)
    this.#release(run)
  }

  #cancel(run: RunRecord, reason: CancelReason, maxGraceMs: number, isFinal = reason.code !== 'TASK_TIMEOUT'): void {
    if (run.phase === 'settled') {
      if (maxGraceMs === 0 && run.worker === 'live') this.#effects.push({ type: 'kill-worker', run })
      return
    }
    const graceMs = Math.min(run.options.graceMs ?? defaultGraceMs, maxGraceMs)
    const deadline = this.#now + graceMs
    const isKill = graceMs === 0 && !run.cancel?.killed
    if (run.cancel && this.#cancelAgain(run, run.cancel, reason, isFinal)) return
    if (run.cancel && run.cancel.deadline <= deadline && !isKill) return
    const first = !run.cancel
    run.cancel = { isFinal, killed: false, ...(run.cancel ?? { reason }), graceMs, deadline }
    if (first) this.#effects.push({ type: 'emit', run, event: { type: 'cancelling', reason: reason.message, graceMs } })
    for (const child of this.#childrenOf(run)) {
      if (!child.shield || graceMs === 0) this.#cancel(child, inheritedReason(reason, run), graceMs)
    }
    if (run.phase === 'queued' || run.phase === 'pausing') {
      this.#queue.delete(run)
      this.#clearTimer(run, 'retry')
      return this.#tryFinish(run)
    }
    if (run.worker !== 'live') return this.#tryFinish(run)
    if (graceMs > 0) {
      if (first) this.#effects.push({ type: 'cancel-worker', run, reason, graceMs })
      this.#setTimer(run, 'grace', graceMs)
    } else this.#kill(run)
  }

  /** Of one that was cancelled before: after a time-out alone another attempt may follow (T9). Answers whether that was its end. */
  #cancelAgain(run: RunRecord, cancel: NonNullable<RunRecord['cancel']>, reason: CancelReason, isFinal: boolean): boolean {
    const endsWithCaller = run.parent !== null && this.runs.get(run.parent)?.cancel
    const isStronger = cancel.reason.code === 'TASK_TIMEOUT' && reason.code !== 'TASK_TIMEOUT' && !endsWithCaller
    run.cancel = { ...cancel, isFinal: cancel.isFinal || isFinal, ...(isStronger && { reason }) }
    this.#tryFinish(run)
    return run.phase === 'settled'
  }

  #kill(run: RunRecord): void {
    if (run.cancel && !run.outcome) run.cancel.killed = true
    for (const child of this.#childrenOf(run))
      this.#cancel(child, { code: 'TASK_CANCELLED', message: `its caller ${run.id} was killed` }, 0)
    this.#effects.push({ type: 'kill-worker', run })
  }

  #timer(run: RunRecord, timer: TimerName): void {
    switch (timer) {
      case 'grace':
        return run.worker === 'live' ? this.#kill(run) : undefined
      case 'timeout':
        return this.#cancel(run, timeoutReason(run), Infinity)
      case 'start':
        // One that did not even get a place would get none the next time either.
        return this.#cancel(run, startTimeoutReason(run), 0, run.phase === 'queued')
      case 'retry':
        if (run.phase !== 'pausing') return
        run.phase = 'queued'
        return this.#enqueue(run)
      default:
        timer satisfies never
    }
  }

  #tryFinish(run: RunRecord): void {
    if (run.phase === 'settled' || run.children.size > 0) return
    const outcome = run.outcome
    if (!outcome && !(run.cancel && run.worker !== 'live')) return
    const isDone = outcome?.type === 'done' && !run.cancel
    if (!isDone && run.worker === 'live') return
    const error = this.#errorOf(run)
    if (!error || !this.#mayRetry(run, error)) return this.#settle(run)
    if (!run.options.retry?.ask || run.decides) return this.#retry(run, error)
    if (!canAnswer(run.parent === null ? undefined : this.runs.get(run.parent))) return this.#settle(run)
    if (run.phase !== 'asking') this.#ask(run, error)
  }

  #mayRetry(run: RunRecord, error: ErrorSummary): boolean {
    if (run.cancel?.isFinal || run.attempt === 0) return false
    if (run.outcome && 'retryable' in run.outcome && !run.outcome.retryable) return false
    if (run.hasYielded || (run.parent !== null && this.runs.get(run.parent)?.cancel)) return false
    return run.attempt < (run.options.retry?.attempts ?? 1) && error.code !== 'INVALID_INPUT'
  }

  #ask(run: RunRecord, error: ErrorSummary): void {
    run.phase = 'asking'
    this.#recount(run)
    const value = run.outcome?.type === 'failed' ? run.outcome.value : undefined
    this.#effects.push({ type: 'ask-retry', run, error, ...(value ? { value } : {}) })
  }

  #retryAnswered(run: RunRecord, attempt: number, again: boolean): void {
    if (run.phase !== 'asking' || run.attempt !== attempt) return
    const error = this.#errorOf(run)
    if (again && error && this.#mayRetry(run, error)) this.#retry(run, error)
    else this.#settle(run)
  }

  #retry(run: RunRecord, error: ErrorSummary): void {
    const delayMs = retryDelayMs(run.options.retry, run.attempt, this.#random())
    const deadline = callersDeadline(run, this.runs)
    if (deadline && this.#now + delayMs >= deadline.at) return this.#settle(run, noTimeError(run, error, delayMs, deadline, this.#now))
    this.#effects.push({ type: 'emit', run, event: { type: 'retrying', attempt: run.attempt, error, delayMs } })
    this.#letGo(run)
    delete run.outcome
    delete run.cancel
    run.phase = 'pausing'
    run.status = 'waiting'
    run.worker = 'none'
    run.waits = false
    this.#recount(run)
    this.#effects.push({ type: 'status', run })
    this.#setTimer(run, 'retry', delayMs)
  }

  #errorOf(run: RunRecord): ErrorSummary | undefined {
    if (run.cancel) return run.cancel.reason.code === 'TASK_TIMEOUT' ? timedOutError(run) : cancelledError(run)
    return run.outcome?.type === 'done' ? undefined : run.outcome?.error
  }

  #settle(run: RunRecord, error: ErrorSummary | undefined = this.#errorOf(run)): void {
    const settlement: Settlement = error
      ? {
          status: error.code === 'TASK_CANCELLED' && run.cancel ? 'cancelled' : 'failed',
          error,
          ...(run.outcome?.type === 'failed' && !run.cancel ? { value: run.outcome.value } : {}),
        }
      : { status: 'done', value: (run.outcome as Extract<AttemptOutcome, { type: 'done' }>).value }
    run.phase = 'settled'
    this.#queue.delete(run)
    this.#alive.delete(run)
    run.status = settlement.status satisfies Status
    for (const timer of ['start', 'timeout', 'retry'] as const) this.#clearTimer(run, timer)
    this.#recount(run)
    const parent = run.parent === null ? undefined : this.runs.get(run.parent)
    if (parent) {
      parent.unfinished--
      this.#recount(parent)
    }
    this.#effects.push({ type: 'settle', run, settlement })
    if (!settlement.value) this.#letGo(run)
    this.#release(run)
  }

  /** Nobody hears of what the attempt answered: another follows, or the run was cancelled. */
  #letGo(run: RunRecord): void {
    const { outcome } = run
    if (outcome && 'value' in outcome) this.#effects.push({ type: 'release', run, value: outcome.value })
  }

  /** Once a run is settled and nothing is left of it, its parent may go on. */
  #release(run: RunRecord): void {
    if (run.phase !== 'settled' || run.worker === 'live' || !this.runs.delete(run.id)) return
    this.#effects.push({ type: 'removed', run })
    const parent = run.parent === null ? undefined : this.runs.get(run.parent)
    if (!parent) return
    parent.children.delete(run.id)
    this.#tryFinish(parent)
  }

  #graceLeft(run: RunRecord): number {
    return run.cancel ? Math.max(0, run.cancel.deadline - this.#now) : Infinity
  }

  #childrenOf(run: RunRecord): RunRecord[] {
    return [...run.children].map((id) => this.runs.get(id)).filter((child) => child !== undefined)
  }

  /** A run takes a place while it has a worker and none of its children is unfinished. */
  #recount(run: RunRecord): void {
    const takesPlace =
      (run.phase === 'starting' || run.phase === 'running' || run.phase === 'closing') && run.unfinished === 0 && !run.waits
    if (takesPlace === run.counted) return
    run.counted = takesPlace
    this.#queue.count(takesPlace ? 1 : -1)
  }

  #emit(run: RunRecord, type: 'created' | 'running'): void {
    this.#effects.push({ type: 'emit', run, event: type === 'created' ? { type } : { type, attempt: run.attempt } })
  }

  #setTimer(run: RunRecord, timer: TimerName, ms: number): void {
    this.#effects.push({ type: 'set-timer', run, timer, ms })
  }

  #clearTimer(run: RunRecord, timer: TimerName): void {
    this.#effects.push({ type: 'clear-timer', run, timer })
  }
}
