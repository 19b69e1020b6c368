/** A call becomes a child run; its cancel finds it; its events carry what people may see of its values. */
import type { CancelReason } from '../core/caller.ts'
import { CowaitError } from '../core/errors.ts'
import { encode } from '../core/values/encode.ts'
import type { RunOptions } from '../core/options.ts'
import { mergeRunOptions } from '../core/resolve-options.ts'
import type { Up } from '../protocol/messages.ts'
import type { IncomingValue } from '../protocol/values.ts'
import type { CreatedEvent, SettledEvent } from './event-log.ts'
import { callKey } from './key.ts'
import { StoredValue, type Spool } from './spool.ts'
import type { NewRun, RunRecord, Settlement, TreeMessage } from './tree-messages.ts'

export interface CallsContext {
  readonly spool: Spool
  readonly runs: ReadonlyMap<string, RunRecord>
  treeHash(): Promise<string>
  /** Adds what the supervisor's own settings say. */
  complete(call: Omit<NewRun, 'engine'>): NewRun
  /** What the definition of a task says, for a caller who does not know it. */
  describe(task: NewRun['task']): Promise<RunOptions>
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
type CancelMessage = Extract<Up, { type: 'cancel' }>

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
  accept(identity: CallerIdentity, message: CallMessage | CancelMessage, value: IncomingValue | undefined): void {
    if (message.type === 'cancel') return this.cancel(message.child, message.reason, message.kill ?? false, identity)
    if (value) void this.#receive(identity, message, value.readInto(this.#context.spool.sink(value.header)), message.external ?? false)
  }

  /** The host's own call. */
  async start(identity: CallerIdentity, call: Omit<CallMessage, 'type' | 'run' | 'input'>, input: StoredValue): Promise<void> {
    await this.#receive(identity, call, Promise.resolve(input), true)
  }

  /** `identity` is left out by who may cancel any run: a client. */
  cancel(child: string, reason: CancelReason, kill: boolean, identity?: CallerIdentity): void {
    const arriving = this.#arriving.get(child)
    if (arriving) arriving.cancel = { reason, kill }
    const run = this.#context.runs.get(child)
    if (run && (!identity || (run.parent === identity.parent && run.client === identity.client)))
      this.#context.apply({ type: 'cancel', run: child, reason, kill })
  }

  /** The call has begun to arrive; there will be a run of it. */
  isArriving(child: string): boolean {
    return this.#arriving.has(child)
  }

  async #receive(
    identity: CallerIdentity,
    call: Omit<CallMessage, 'type' | 'run' | 'input'>,
    arriving: Promise<StoredValue>,
    /** The caller cannot be asked about retries: it does not know the task, or is no task itself. */
    decides: boolean,
  ): Promise<void> {
    const { child, task, shield = false, handlers = [] } = call
    const { runs, apply, complete } = this.#context
    if (runs.has(child) || this.#arriving.has(child))
      return void arriving.then(
        (input) => input.release(),
        () => undefined,
      )
    const state: { cancel?: { reason: CancelReason; kill: boolean } } = {}
    this.#arriving.set(child, state)
    try {
      const input = await arriving
      const options = call.external ? mergeRunOptions(await this.#context.describe(task), call.options) : call.options
      const key = await this.#keyOf(identity, task, input)
      apply({
        type: 'call',
        run: complete({ ...identity, id: child, task, name: options.name ?? nameOf(task), options, shield, handlers, decides, key, input }),
      })
      if (state.cancel) apply({ type: 'cancel', run: child, ...state.cancel })
    } catch (error) {
      // A full disk, an input that is too large; or the caller's channel has ended, and nobody is left to hear.
      const { name, message } = error as Error
      const code = error instanceof CowaitError ? error.code : 'ENGINE'
      const refused = { code, name, message: `${child} was not started: ${message}`, path: [{ id: child, task: nameOf(task) }] }
      const options = call.options
      const run = {
        ...identity,
        id: child,
        task,
        name: options.name ?? nameOf(task),
        options,
        shield,
        handlers,
        decides,
        key: '',
        input: StoredValue.of(encode({})),
      }
      apply({ type: 'call', run: complete(run), refused })
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
