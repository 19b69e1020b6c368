/**
 * The supervisor owns a tree of runs: it alone holds the engines' rights, and limits, retries, time-outs, cancelling, ordering and
 * events have their one home here. It never looks into values. What happens next is decided by the pure `RunTree`; this file and its
 * neighbours carry the decisions out. Nothing here prints, and nothing here knows what an engine is made of.
 *
 * The walk of a call: `accept` (calls.ts) -> `RunTree.apply` -> `#startAttempt` -> `Attempt.drive` -> `#settle`.
 */
import type { Duplex } from 'node:stream'
import { abortable } from '../core/abortable.ts'
import type { CancelReason } from '../core/caller.ts'
import { defaultCeilings, type Ceilings } from '../core/ceilings.ts'
import { realClock, type Clock } from '../core/clock.ts'
import type { RunEvent, TaskRef } from '../core/events.ts'
import { remembered } from '../core/remembered.ts'
import { inherited, mergeRunOptions } from '../core/resolve-options.ts'
import type { RunOptions } from '../core/options.ts'
import type { Tree } from '../core/tree.ts'
import type { LineFrame } from '../protocol/messages.ts'
import { Attempt } from './attempt.ts'
import type { AttemptContext } from './attempt-context.ts'
import type { CallerIdentity } from './caller-identity.ts'
import { Calls } from './calls.ts'
import { CallerFrames } from './caller-frames.ts'
import { Client, type StreamOptions } from './client.ts'
import { Engines, type OpenEngine, type OpenEngineByName, type Remains } from './engines.ts'
import { EventLog } from './event-log.ts'
import { Limits } from './limits.ts'
import { canAnswer } from './may-call.ts'
import type { Owner } from './owner.ts'
import { Route, type LineEnd } from './route.ts'
import { Spool, type StoredValue } from './spool.ts'
import { startError } from './start-error.ts'
import { RunTree } from './tree.ts'
import type { Effect, RunRecord, Settlement, TreeMessage } from './tree-messages.ts'
import { Watches } from './watches.ts'
import { workerSpec } from './worker-spec.ts'

export interface SupervisorOptions {
  /** Told apart from every other supervisor's: workers carry it as a label. */
  readonly id: string
  /** The engine of runs that name none. */
  readonly engine: string
  /** Called once for each engine that is used; again after it has failed. */
  readonly openEngine: OpenEngineByName
  /** The user's program; called once, at the first start, and again after it has failed. */
  readonly tree: () => Promise<Tree>
  /** A private folder (owner only) for spooled values; exists. Without one all values wait in memory. */
  readonly directory?: string
  /** How many runs may take a place at once; see tree.ts, T5. */
  readonly width: number
  /** Below everything that a definition or call says. */
  readonly defaults?: RunOptions
  /** What a run tree may grow to; see `defaultCeilings`. */
  readonly limits?: Partial<Ceilings>
  /** What a task's definition says, for calls by who does not know it: `external()`. Asked no longer than until `signal` aborts. */
  readonly describe?: (task: TaskRef, signal: AbortSignal) => Promise<RunOptions | undefined>
  /** Workers that fail stay where the engine can keep them, until they are removed by hand; other engines refuse to start. */
  readonly keepFailed?: boolean
  readonly clock?: Clock
  /** Gives 0 to 1, for the jitter of retries. */
  readonly random?: () => number
}

export class Supervisor {
  readonly id: string
  readonly #options: SupervisorOptions
  readonly #clock: Clock
  readonly #tree: RunTree
  readonly #events: EventLog
  readonly #spool: Spool
  readonly #calls: Calls
  readonly #route: Route
  readonly #frames: CallerFrames
  readonly #limits: Limits
  readonly #owners = new Map<string, Owner>()
  readonly #attempts = new Map<string, Attempt>()
  /** Runs that wait for their engine to be opened. */
  readonly #opening = new Map<string, AbortController>()
  readonly #driving = new Set<Promise<void>>()
  /** How to stop each. */
  readonly #timers = new Map<string, () => void>()
  readonly #engines: Engines
  readonly #program: () => Promise<Tree>
  /** For the tree; the first ones' effects are carried out before the next is applied. */
  readonly #messages: TreeMessage[] = []
  #isApplying = false
  #whenIdle: (() => void)[] = []

  constructor(options: SupervisorOptions) {
    this.id = options.id
    this.#options = options
    this.#clock = options.clock ?? realClock
    this.#program = remembered(options.tree)
    this.#engines = new Engines({
      owner: options.id,
      open: options.openEngine,
      program: this.#program,
      keepFailed: options.keepFailed ?? false,
    })
    this.#tree = new RunTree(options.width, options.random ?? Math.random, options.limits)
    const { clock } = options
    this.#limits = new Limits({
      waits: (run, isWaiting) => this.#apply({ type: 'waits', run, isWaiting }),
      ...(clock ? { clock: () => clock.now(), after: (ms, then) => clock.after(ms, then) } : {}),
    })
    this.#events = new EventLog(() => this.#clock.now())
    this.#spool = new Spool(options.directory)
    this.#calls = new Calls({
      spool: this.#spool,
      runs: this.#tree.runs,
      maxUnfinished: options.limits?.unfinished ?? defaultCeilings.unfinished,
      treeHash: async () => (await this.#program()).hash,
      complete: ({ options: given, ...call }) => {
        const parent = call.parent === null ? undefined : this.#tree.runs.get(call.parent)
        const base = parent ? inherited(parent.options) : {}
        const merged = mergeRunOptions(options.defaults ?? {}, mergeRunOptions(base, given))
        return { ...call, options: merged, engine: merged.engine ?? options.engine }
      },
      describe: async (task, signal) => await options.describe?.(task, signal),
      apply: (message) => this.#apply(message),
      refuse: (caller, id, settlement) => this.#ownerOf(caller)?.settled({ id, attempt: 0 }, settlement),
    })
    const { runs } = this.#tree
    const watches = new Watches(this.#events.runs)
    this.#events.subscribe((event) => watches.receive(event))
    this.#route = new Route({
      spool: this.#spool,
      runs,
      hasCaller: (run) => this.#ownerOf(run) !== undefined && (run.parent === null || canAnswer(runs.get(run.parent))),
      deliver: (end, run, frame, value) => this.#deliver(end, run, frame, value),
      fail: (run, error) => {
        this.#apply({ type: 'attempt-ended', run: run.id, outcome: { type: 'lost', error, retryable: false } })
        this.#attempts.get(run.id)?.kill()
      },
    })
    this.#frames = new CallerFrames({ calls: this.#calls, route: this.#route, watches, runs, apply: (message) => this.#apply(message) })
  }

  /** Hears of everything that happens from now on. Answers how to stop listening. */
  subscribe(listener: (event: RunEvent) => void): () => void {
    return this.#events.subscribe(listener)
  }

  /**
   * Serves a client on a channel: a script's own process, or another terminal. What it started is cancelled when its channel ends.
   * Answers the client's id.
   */
  connect(stream: Duplex, options?: StreamOptions): string {
    const context = {
      calls: this.#calls,
      frames: this.#frames,
      limits: this.#limits,
      runs: this.#events.runs,
      apply: (message: TreeMessage) => this.#apply(message),
      subscribe: (listener: (event: RunEvent) => void) => this.subscribe(listener),
    }
    const client = new Client(stream, context, options)
    this.#owners.set(client.id, client)
    void client.ended.then((reason) => {
      this.#frames.ended({ client: client.id, parent: null, callerAttempt: 0 })
      this.#apply({ type: 'client-ended', client: client.id, reason })
      this.#owners.delete(client.id)
      this.#limits.end(client.id)
      this.#forgetLimits(client.id)
    })
    return client.id
  }

  /** The host's own code as an owner of root runs. */
  attach(id: string, owner: Owner): { readonly calls: Calls; readonly route: Route } {
    this.#owners.set(id, owner)
    return { calls: this.#calls, route: this.#route }
  }

  /** Opens the engine of runs that name none, which otherwise the first of them does. What is wrong with it, that one hears. */
  prepare(): void {
    this.#engines.prepare(this.#options.engine)
  }

  /** How many runs there are of which anything is left. */
  get size(): number {
    return this.#tree.runs.size
  }

  /** Cancels what lives, waits until nothing is left, lets go of the engines. Answers the runs of workers that an engine still knows. */
  async close(reason: CancelReason): Promise<Remains> {
    this.#calls.close(reason)
    this.#apply({ type: 'close', reason })
    while (this.#tree.runs.size > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
    await Promise.all(this.#driving)
    const remains = await this.#engines.close()
    await this.#spool.close()
    return remains
  }

  /** What is said meanwhile, by who hears of an effect, has its turn when all of them are carried out. */
  #apply(message: TreeMessage): void {
    this.#messages.push(message)
    if (this.#isApplying) return
    this.#isApplying = true
    try {
      for (let next = this.#messages.shift(); next; next = this.#messages.shift())
        for (const effect of this.#tree.apply(next, this.#now())) this.#carryOut(effect)
    } finally {
      this.#isApplying = false
    }
    if (this.#tree.runs.size === 0) for (const resolve of this.#whenIdle.splice(0)) resolve()
  }

  /** Milliseconds since 1970 that no change of the host's clock moves: graces are counted in them. */
  #now(): number {
    return this.#options.clock?.now() ?? performance.timeOrigin + performance.now()
  }

  #carryOut(effect: Effect): void {
    const { run } = effect
    switch (effect.type) {
      case 'start':
        return this.#startAttempt(run)
      case 'status':
        return this.#ownerOf(run)?.status(run)
      case 'cancel-worker':
        this.#opening.get(run.id)?.abort()
        return this.#attempts.get(run.id)?.cancel(effect.reason, effect.graceMs)
      case 'kill-worker':
        this.#opening.get(run.id)?.abort()
        return this.#attempts.get(run.id)?.kill()
      case 'set-timer':
        return this.#setTimer(run, effect.timer, effect.ms)
      case 'clear-timer':
        return this.#clearTimer(run, effect.timer)
      case 'ask-retry':
        return this.#ownerOf(run)?.mayRetry(run, effect.error, effect.value)
      case 'release':
        return void effect.value.release()
      case 'settle':
        return this.#settle(run, effect.settlement)
      case 'removed':
        this.#calls.forget(run)
        // Its caller may have spoken to it when it had no worker, or none any more.
        this.#route.ended(run)
        if (run.parent === null) this.#forgetLimits(run.client)
        return this.#events.emit(run, { type: 'removed' })
      case 'emit':
        return this.#events.emit(run, effect.event.type === 'created' ? this.#calls.createdEvent(run) : effect.event)
      default:
        effect satisfies never
    }
  }

  #startAttempt(run: RunRecord): void {
    const driven = this.#drive(run)
    this.#driving.add(driven)
    void driven.finally(() => this.#driving.delete(driven))
  }

  async #drive(run: RunRecord): Promise<void> {
    let open: OpenEngine
    const opening = new AbortController()
    this.#opening.set(run.id, opening)
    try {
      const tell = (text: string): void => this.#events.emit(run, { type: 'notice', text })
      open = await abortable(this.#engines.get(run.engine, tell), opening.signal)
    } catch (error) {
      if (!opening.signal.aborted)
        this.#apply({ type: 'attempt-ended', run: run.id, outcome: { type: 'lost', ...startError(run, error), retryable: false } })
      return this.#apply({ type: 'worker-gone', run: run.id })
    } finally {
      this.#opening.delete(run.id)
    }
    if (run.cancel) return this.#apply({ type: 'worker-gone', run: run.id })
    const attempt = new Attempt(run, this.#attemptContext(open))
    this.#attempts.set(run.id, attempt)
    await attempt.drive()
  }

  #attemptContext({ engine, code }: OpenEngine): AttemptContext {
    return {
      engine,
      spool: this.#spool,
      leaseMs: engine.capabilities.lease ? 30_000 : 0,
      keepFailed: this.#options.keepFailed ?? false,
      code: (signal) => abortable(code(), signal),
      spec: (run, code) => workerSpec(run, code, this.id),
      emit: (run, event) => {
        if (event.type === 'starting') run.startPhase = event.phase
        this.#events.emit(run, event.type === 'created' ? this.#calls.createdEvent(run) : event)
      },
      running: (run) => this.#apply({ type: 'running', run: run.id }),
      ended: (run, outcome) => {
        this.#endCaller(run)
        this.#apply({ type: 'attempt-ended', run: run.id, outcome })
      },
      gone: (run) => {
        this.#attempts.delete(run.id)
        this.#endCaller(run)
        this.#apply({ type: 'worker-gone', run: run.id })
      },
      notRemoved: (run) => this.#engines.notRemoved(run.id, engine),
      asCaller: (run, message, value) => {
        const owner = this.#attempts.get(run.id)
        if (owner) this.#frames.accept(identityOf(run), owner, message, value)
      },
      asRun: (run, frame, value) => this.#route.pass('run', run, frame, value),
      routed: (run) => this.#route.idle(run),
      limit: (run, message, send) => this.#limits.receive({ holder: run.id, client: run.client, send }, message),
    }
  }

  /** An attempt hears of nothing that it has called or asked for any more. */
  #endCaller(run: RunRecord): void {
    this.#frames.ended(identityOf(run))
    this.#limits.end(run.id)
    this.#route.ended(run)
  }

  /** Those of a client hold until it has left and nothing is left of its runs: they may go on for their grace. */
  #forgetLimits(client: string): void {
    if (this.#owners.has(client)) return
    for (const run of this.#tree.runs.values()) if (run.client === client) return
    this.#limits.forget(client)
  }

  #ownerOf({ parent, client }: Pick<CallerIdentity, 'parent' | 'client'>): Owner | undefined {
    return parent === null ? this.#owners.get(client) : this.#attempts.get(parent)
  }

  #deliver(end: LineEnd, run: RunRecord, frame: LineFrame, value: StoredValue | undefined): void {
    const owner = end === 'caller' ? this.#ownerOf(run) : undefined
    const attempt = end === 'run' ? this.#attempts.get(run.id) : undefined
    if (owner) owner.line(run, frame, value)
    else if (attempt) attempt.toRun(frame, value)
    else void value?.release()
  }

  #settle(run: RunRecord, settlement: Settlement): void {
    this.#events.emit(run, this.#calls.settledEvent(run, settlement))
    void run.input.release()
    const owner = this.#ownerOf(run)
    if (owner) owner.settled(run, settlement)
    else void settlement.value?.release()
  }

  #setTimer(run: RunRecord, timer: Extract<Effect, { type: 'set-timer' }>['timer'], ms: number): void {
    this.#clearTimer(run, timer)
    this.#timers.set(
      `${timer} ${run.id}`,
      this.#clock.after(ms, () => this.#apply({ type: 'timer', run: run.id, timer })),
    )
  }

  #clearTimer(run: RunRecord, timer: string): void {
    const name = `${timer} ${run.id}`
    this.#timers.get(name)?.()
    this.#timers.delete(name)
  }
}

function identityOf({ id, client, attempt }: RunRecord): CallerIdentity {
  return { parent: id, client, callerAttempt: attempt }
}
