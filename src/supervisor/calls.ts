/** A call becomes a child run; its cancel finds it; its events carry what people may see of its values. */
import type { CancelReason } from '../core/caller.ts'
import type { Up } from '../protocol/messages.ts'
import type { IncomingValue } from '../protocol/values.ts'
import type { CallerMessage } from './attempt.ts'
import type { CreatedEvent, SettledEvent } from './event-log.ts'
import { callKey } from './key.ts'
import type { Spool, StoredValue } from './spool.ts'
import type { NewRun, RunRecord, Settlement, TreeMessage } from './tree-messages.ts'

export interface CallsContext {
  readonly spool: Spool
  readonly runs: ReadonlyMap<string, RunRecord>
  treeHash(): Promise<string>
  /** Adds what the supervisor's own settings say. */
  complete(call: Omit<NewRun, 'engine'>): NewRun
  apply(message: TreeMessage): void
}

/** Who calls: a run, or a client's own code. */
export interface CallerIdentity {
  readonly client: string
  readonly parent: string | null
}

/** A caller's oldest keys are forgotten beyond this many: a server calls for ever. */
const rememberedKeys = 10_000

type CallMessage = Extract<Up, { type: 'call' }>

export class Calls {
  readonly #context: CallsContext
  /** Calls whose input is still on its way, with the cancel that overtook it. */
  readonly #arriving = new Map<string, { cancel?: { reason: CancelReason; kill: boolean } }>()
  /** By caller: how often it has made a call of the same key. */
  readonly #occurrences = new Map<string, Map<string, number>>()

  constructor(context: CallsContext) {
    this.#context = context
  }

  /** Takes a caller's frame. What breaks the protocol is thrown as a `ProtocolError`, for the caller's own channel to end on. */
  accept(identity: CallerIdentity, message: CallerMessage, value: IncomingValue | undefined): void {
    if (message.type === 'cancel') return this.cancel(message.child, message.reason, message.kill ?? false, identity)
    if (value) void this.#receive(identity, message, value.readInto(this.#context.spool.sink(value.header)))
  }

  /** The host's own call. */
  async start(identity: CallerIdentity, call: Omit<CallMessage, 'type' | 'run' | 'input'>, input: StoredValue): Promise<void> {
    await this.#receive(identity, call, Promise.resolve(input))
  }

  /** `identity` is left out by who may cancel any run: a client. */
  cancel(child: string, reason: CancelReason, kill: boolean, identity?: CallerIdentity): void {
    const arriving = this.#arriving.get(child)
    if (arriving) arriving.cancel = { reason, kill }
    const run = this.#context.runs.get(child)
    if (run && (!identity || (run.parent === identity.parent && run.client === identity.client)))
      this.#context.apply({ type: 'cancel', run: child, reason, kill })
  }

  async #receive(
    identity: CallerIdentity,
    call: Omit<CallMessage, 'type' | 'run' | 'input'>,
    arriving: Promise<StoredValue>,
  ): Promise<void> {
    const { child, task, options, shield = false } = call
    const { runs, apply, complete } = this.#context
    if (runs.has(child) || this.#arriving.has(child)) return
    const state: { cancel?: { reason: CancelReason; kill: boolean } } = {}
    this.#arriving.set(child, state)
    try {
      const input = await arriving
      const key = await this.#keyOf(identity, task, input)
      apply({
        type: 'call',
        run: complete({ ...identity, id: child, task, name: options.name ?? nameOf(task), options, shield, key, input }),
      })
      if (state.cancel) apply({ type: 'cancel', run: child, ...state.cancel })
    } catch {
      // The caller's channel ended while its input was under way: nobody is left to hear of the call.
    } finally {
      this.#arriving.delete(child)
    }
  }

  async #keyOf(identity: CallerIdentity, task: NewRun['task'], input: StoredValue): Promise<string> {
    const parentKey = identity.parent === null ? '' : (this.#context.runs.get(identity.parent)?.key ?? '')
    const parts = { parentKey, task, treeHash: await this.#context.treeHash().catch(() => ''), inputHash: await input.hash() }
    const first = callKey({ ...parts, occurrence: 0 })
    const caller = identity.parent ?? identity.client
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

function nameOf(task: NewRun['task']): string {
  return task.export && task.export !== 'default' ? task.export : (task.module.split('/').pop() ?? 'task')
}
