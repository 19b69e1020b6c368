/** A call becomes a child run; its cancel finds it; its events carry what people may see of its values. */
import { abortable } from '../core/abortable.ts'
import type { CancelReason } from '../core/caller.ts'
import type { ErrorSummary } from '../core/events.ts'
import { idInUse, notStarted } from '../core/not-started.ts'
import { encode } from '../core/values/encode.ts'
import type { RunOptions } from '../core/options.ts'
import { mergeRunOptions } from '../core/resolve-options.ts'
import type { Up } from '../protocol/messages.ts'
import type { IncomingValue } from '../protocol/values.ts'
import { Arrivals, type Arrival } from './arrivals.ts'
import { callerOf, isSameCaller, type CallerIdentity } from './caller-identity.ts'
import type { CreatedEvent, SettledEvent } from './event-log.ts'
import { exceededError } from './exceeded.ts'
import { checkHostAccess } from './host-access.ts'
import { callKey } from './key.ts'
import { StoredValue, type Spool } from './spool.ts'
import type { NewRun, RunRecord, Settlement, TreeMessage } from './tree-messages.ts'
import { exceededUnfinished } from './unfinished.ts'

export interface CallsContext {
  readonly spool: Spool
  readonly runs: ReadonlyMap<string, RunRecord>
  /** How many runs may be unfinished at once, with the calls that are arriving. */
  readonly maxUnfinished: number
  treeHash(): Promise<string>
  /** Adds what the supervisor's own settings say. */
  complete(call: Omit<NewRun, 'engine'>): NewRun
  /** What the definition of a task says, for a caller who does not know it; undefined where the host cannot tell. Asked no longer than until `signal` aborts. */
  describe(task: NewRun['task'], signal: AbortSignal): Promise<RunOptions | undefined>
  apply(message: TreeMessage): void
  /** Tells a caller that there will be no run of its call. */
  refuse(identity: CallerIdentity, child: string, settlement: Settlement): void
}

/** A caller's oldest keys are forgotten beyond this many: a server calls for ever. */
const rememberedKeys = 10_000
/** The same of the calls that were refused. */
const rememberedRefusals = 1_000

type CallMessage = Extract<Up, { type: 'call' }>
type CancelMessage = Extract<Up, { type: 'cancel' }>
type Call = Omit<CallMessage, 'type' | 'run' | 'input'>
type CallOfTree = Extract<TreeMessage, { type: 'call' }>

export class Calls {
  readonly #context: CallsContext
  readonly #arriving = new Arrivals()
  /** By id: tells the call that is to have it next that nothing is left of the run that had it. */
  readonly #waiting = new Map<string, () => void>()
  /** By caller: how often it has made a call of the same key. */
  readonly #occurrences = new Map<string, Map<string, number>>()
  /** By caller: the ids of its calls that were refused because another's run has them. */
  readonly #refused = new Map<string, Set<string>>()
  /** Why no root begins any more. */
  #closed: CancelReason | undefined

  constructor(context: CallsContext) {
    this.#context = context
  }

  /** Takes a caller's frame. What breaks the protocol is thrown as a `ProtocolError`, for the caller's own channel to end on. */
  accept(identity: CallerIdentity, message: CallMessage | CancelMessage, value: IncomingValue | undefined): void {
    if (message.type === 'cancel') return this.cancel(message.child, message.reason, message.kill ?? false, identity)
    if (value)
      void this.#receive(identity, message, () => value.readInto(this.#context.spool.sink(value.header)), message.external ?? false)
  }

  /** The host's own call. */
  async start(identity: CallerIdentity, call: Call, input: StoredValue): Promise<void> {
    await this.#receive(identity, call, () => Promise.resolve(input), true)
  }

  /** `identity` is left out by who may cancel any run: a client. */
  cancel(child: string, reason: CancelReason, kill: boolean, identity?: CallerIdentity): void {
    const arrival = this.#arriving.get(child)
    if (arrival && (!identity || isSameCaller(identity, arrival.identity))) cancelArrival(arrival, reason)
    const run = this.#context.runs.get(child)
    if (run && (!identity || isSameCaller(identity, run))) this.#context.apply({ type: 'cancel', run: child, reason, kill })
  }

  /** The caller has ended: what is still arriving from it becomes no run, and nobody is left to hear so. */
  drop(caller: CallerIdentity): void {
    for (const [child, arrival] of this.#arriving) if (isSameCaller(arrival.identity, caller)) this.#drop(child, arrival)
    if (caller.parent !== null) return
    this.#occurrences.delete(caller.client)
    this.#refused.delete(caller.client)
  }

  cancelArriving(caller: CallerIdentity, reason: CancelReason): void {
    for (const [, arrival] of this.#arriving) if (isSameCaller(arrival.identity, caller)) cancelArrival(arrival, reason)
  }

  /** From now on no root begins, and those that are still arriving are over. */
  close(reason: CancelReason): void {
    this.#closed = reason
    for (const [child, arrival] of this.#arriving) {
      if (arrival.identity.parent !== null) continue
      this.#drop(child, arrival)
      this.#tellClosed(arrival.identity, child)
    }
  }

  /** A call of the caller's has begun to arrive; there will be a run of it. */
  isArriving(identity: CallerIdentity, child: string): boolean {
    const arrival = this.#arriving.get(child)
    return arrival !== undefined && isSameCaller(arrival.identity, identity)
  }

  /** The caller has used an id that another's run has; what it says of that before it has heard so is about no run. */
  isRefused(identity: CallerIdentity, child: string): boolean {
    return this.#refused.get(callerOf(identity))?.has(child) ?? false
  }

  async #receive(
    identity: CallerIdentity,
    call: Call,
    /** Takes the input; one that is not taken at once is stopped. */
    take: () => Promise<StoredValue>,
    /** The caller cannot be asked about retries: it does not know the task, or is no task itself. */
    decides: boolean,
  ): Promise<void> {
    const { child } = call
    const { runs, apply } = this.#context
    const holder = this.#holderOf(child)
    if (holder) return this.#refuse(identity, call, holder)
    if (this.#closed && identity.parent === null) return this.#tellClosed(identity, child)
    const arrival: Arrival = { identity, stop: new AbortController(), isDropped: false }
    this.#arriving.add(child, arrival)
    this.#refused.get(callerOf(identity))?.delete(child)
    const exceeded = this.#exceeded(identity, call)
    const message = exceeded ? this.#unstarted(identity, call, decides, exceeded) : await this.#messageOf(arrival, call, take(), decides)
    if (runs.has(child) && !arrival.isDropped) await new Promise<void>((resolve) => this.#waiting.set(child, resolve))
    if (arrival.isDropped) return void message.run.input.release()
    this.#arriving.delete(child)
    apply(arrival.cancelled ? { ...message, cancelled: arrival.cancelled } : message)
  }

  /** An input that does not come must not make of its call what no ceiling counts. */
  #exceeded(identity: CallerIdentity, { child, task, options }: Call): ErrorSummary | undefined {
    const { runs, maxUnfinished } = this.#context
    const parent = this.#parentOf(identity)
    const ofCaller = parent ? parent.unfinished + this.#arriving.ofCaller(identity) : 0
    const allowed = exceededUnfinished({ all: runs.size + this.#arriving.size, ofCaller }, maxUnfinished)
    return allowed === undefined ? undefined : exceededError({ id: child, name: options.name ?? nameOf(task) }, 'unfinished', allowed)
  }

  #parentOf({ parent }: CallerIdentity): RunRecord | undefined {
    return parent === null ? undefined : this.#context.runs.get(parent)
  }

  /** Whose run has the id, or is about to. One that has settled gives it away as soon as nothing is left of it. */
  #holderOf(id: string): CallerIdentity | undefined {
    const arrival = this.#arriving.get(id)
    if (arrival) return arrival.identity
    const run = this.#context.runs.get(id)
    return run && run.phase !== 'settled' ? run : undefined
  }

  /** A caller that uses an id of its own twice hears nothing: it could not tell which of the two an answer means. */
  #refuse(identity: CallerIdentity, { child, task }: Call, holder: CallerIdentity): void {
    if (isSameCaller(identity, holder)) return
    const caller = callerOf(identity)
    const refused = this.#refused.get(caller) ?? new Set<string>()
    this.#refused.set(caller, refused.add(child))
    if (refused.size > rememberedRefusals) refused.delete(refused.values().next().value as string)
    this.#context.refuse(identity, child, { status: 'failed', error: refusal(child, task, idInUse(child)) })
  }

  #tellClosed(identity: CallerIdentity, child: string): void {
    const message = `${child} was cancelled: ${this.#closed?.message}`
    this.#context.refuse(identity, child, { status: 'cancelled', error: { code: 'TASK_CANCELLED', name: 'TaskCancelledError', message } })
  }

  #drop(child: string, arrival: Arrival): void {
    arrival.isDropped = true
    arrival.stop.abort()
    this.#arriving.delete(child)
    this.#waiting.get(child)?.()
    this.#waiting.delete(child)
  }

  /** Never rejects. */
  async #messageOf(arrival: Arrival, call: Call, arriving: Promise<StoredValue>, decides: boolean): Promise<CallOfTree> {
    const { task } = call
    const { complete, describe } = this.#context
    const { signal } = arrival.stop
    try {
      const input = await abortable(arriving, signal)
      const defined = (): Promise<RunOptions | undefined> => abortable(describe(task, signal), signal)
      const options = call.external ? mergeRunOptions((await defined()) ?? {}, call.options) : call.options
      await checkHostAccess(options.name ?? nameOf(task), options, this.#parentOf(arrival.identity), defined)
      const key = await abortable(this.#keyOf(arrival, task, input), signal)
      return {
        type: 'call',
        run: complete({ ...runOf(arrival.identity, call, decides), name: options.name ?? nameOf(task), options, key, input }),
      }
    } catch (error) {
      // Cancelled; a full disk, an input that is too large; or the caller's channel has ended, and nobody is left to hear.
      letGo(arriving)
      return this.#unstarted(arrival.identity, call, decides, signal.aborted ? undefined : refusal(call.child, task, error as Error))
    }
  }

  /** What becomes no run that starts, and has no input. */
  #unstarted(identity: CallerIdentity, call: Call, decides: boolean, refused: ErrorSummary | undefined): CallOfTree {
    const { options, task } = call
    const input = StoredValue.of(encode({}))
    const run = this.#context.complete({ ...runOf(identity, call, decides), name: options.name ?? nameOf(task), options, key: '', input })
    return { type: 'call', run, ...(refused ? { refused } : {}) }
  }

  async #keyOf(arrival: Arrival, task: NewRun['task'], input: StoredValue): Promise<string> {
    const { identity } = arrival
    const parentKey = identity.parent === null ? '' : (this.#context.runs.get(identity.parent)?.key ?? '')
    const parts = { parentKey, task, treeHash: await this.#context.treeHash().catch(() => ''), inputHash: await input.hash() }
    const first = callKey({ ...parts, occurrence: 0 })
    // The caller may have been forgotten since.
    if (arrival.stop.signal.aborted) return first
    const caller = callerOf(identity)
    const counts = this.#occurrences.get(caller) ?? new Map<string, number>()
    this.#occurrences.set(caller, counts)
    const occurrence = counts.get(first) ?? 0
    counts.set(first, occurrence + 1)
    if (counts.size > rememberedKeys) counts.delete(counts.keys().next().value as string)
    return occurrence === 0 ? first : callKey({ ...parts, occurrence })
  }

  /** Nothing is left of the run. */
  forget(run: RunRecord): void {
    this.#occurrences.delete(run.id)
    this.#refused.delete(run.id)
    this.#waiting.get(run.id)?.()
    this.#waiting.delete(run.id)
  }

  createdEvent(run: RunRecord): CreatedEvent {
    const { parent, name, task, engine, key, options, input } = run
    return { type: 'created', parent, name, task, engine, key, input: input.preview(), ...(options.tags ? { tags: options.tags } : {}) }
  }

  settledEvent(run: RunRecord, settlement: Settlement): SettledEvent {
    const { status } = settlement
    return {
      type: 'settled',
      status,
      attempt: run.attempt,
      ...(settlement.status === 'done' ? { output: settlement.value.preview() } : { error: settlement.error }),
    }
  }
}

function runOf(
  identity: CallerIdentity,
  { child, task, shield = false, handlers = [] }: Call,
  decides: boolean,
): Omit<NewRun, 'name' | 'engine' | 'options' | 'key' | 'input'> {
  return { ...identity, id: child, task, shield, handlers, decides }
}

function cancelArrival(arrival: Arrival, reason: CancelReason): void {
  arrival.cancelled ??= reason
  arrival.stop.abort()
}

/** Nobody needs the input, whenever it comes. */
function letGo(arriving: Promise<StoredValue>): void {
  void arriving.then(
    (input) => input.release(),
    () => undefined,
  )
}

function nameOf(task: NewRun['task']): string {
  return task.export && task.export !== 'default' ? task.export : (task.module.split('/').pop() ?? 'task')
}

function refusal(child: string, task: NewRun['task'], error: Error): ErrorSummary {
  return { ...notStarted(child, error, 'ENGINE'), path: [{ id: child, task: nameOf(task) }] }
}
