import type { Caller, CallListener, CallRequest, CancelReason, FailedOutcome, LimitPlace, LimitRule, TaskSite } from '../core/caller.ts'
import { UsageError } from '../core/errors.ts'
import type { TaskRef } from '../core/events.ts'
import { YIELDS, type LineMessage } from '../core/line.ts'
import { idInUse, notStarted } from '../core/not-started.ts'
import type { Encoded } from '../core/value.ts'
import type { Bodies } from './bodies.ts'
import type { Channel } from './channel.ts'
import { cutReason } from './cut-reason.ts'
import { lineOf, loseLine, sendLine } from './line-frames.ts'
import type { Both, Down, LineFrame, Up } from './messages.ts'
import { sizeProblem } from './options-size.ts'
import { Turns } from './turns.ts'
import type { IncomingValue } from './values.ts'

/** What a supervisor says to a caller. */
export type CallerAnswer =
  | Extract<Down, { type: 'status' | 'settled' | 'granted' | 'refused' | 'may-retry' | 'watched' | 'event' }>
  | LineFrame

const answers: Record<CallerAnswer['type'], true> = {
  status: true,
  settled: true,
  granted: true,
  refused: true,
  'may-retry': true,
  watched: true,
  event: true,
  rpc: true,
  'rpc-stream': true,
  'rpc-result': true,
  items: true,
  want: true,
  leave: true,
}

/** Whether a message is for `ChannelCaller.receive`. */
export function isCallerAnswer(message: Down | Both): message is CallerAnswer {
  return Object.hasOwn(answers, message.type)
}

interface OpenCall {
  readonly listener: CallListener
  /** What came for it, in order. */
  readonly turns: Turns
  /** Items that it yielded did not arrive: it must not look done. */
  fault?: Error
}

interface Leaving {
  cancel?: { readonly reason: CancelReason; readonly kill: boolean }
  /** Whether each asks for everything below as well. */
  readonly watches: boolean[]
}

export interface ChannelCallerOptions {
  readonly channel: Channel<Down | Both, Up | Both>
  readonly bodies: Bodies<Down, Up>
  /** In whose name it calls: a worker's run, or a client's id. */
  readonly run: string
  /** Turns a place in a file into a module's name. */
  readonly moduleOf: (site: TaskSite) => Promise<TaskRef>
}

/** Carries calls over a channel to a supervisor. When the channel ends, every open call fails, and so does every later one. */
export class ChannelCaller implements Caller {
  readonly #options: ChannelCallerOptions
  readonly #open = new Map<string, OpenCall>()
  /** Calls that have not left this process, with what must not overtake them. */
  readonly #leaving = new Map<string, Leaving>()
  /** Who watches a call and has not heard its past yet, in the order in which they asked: the call may have ended meanwhile. */
  readonly #watching = new Map<string, Pick<CallListener, 'event'>[]>()
  readonly #wanted = new Map<number, { resolve: () => void; reject: (error: Error) => void }>()
  #requests = 0
  #lost: Error | undefined

  constructor(options: ChannelCallerOptions) {
    this.#options = options
    void options.channel.closed.then((fault) => this.#lose(fault ?? new Error('the channel has ended')))
  }

  call(request: CallRequest, listener: CallListener): void {
    if (this.#lost) return fail(request.id, listener, this.#lost)
    if (this.#open.has(request.id)) return refuse(request.id, listener, idInUse(request.id))
    this.#open.set(request.id, { listener, turns: new Turns() })
    void this.#send(request).catch((error: unknown) => {
      if (this.#open.delete(request.id)) refuse(request.id, listener, error as Error)
    })
  }

  cancel(id: string, reason: CancelReason, kill: boolean): void {
    if (!this.#open.has(id)) return
    const leaving = this.#leaving.get(id)
    if (leaving) {
      leaving.cancel = { reason, kill: kill || (leaving.cancel?.kill ?? false) }
      return
    }
    const { channel, run } = this.#options
    channel.send({ type: 'cancel', run, child: id, reason: cutReason(reason), ...(kill ? { kill } : {}) })
  }

  acquire(name: string, rule: LimitRule): LimitPlace {
    const { channel, run } = this.#options
    const request = this.#requests++
    if (this.#lost) return { granted: Promise.reject(this.#lost), release: () => undefined }
    const granted = new Promise<void>((resolve, reject) => this.#wanted.set(request, { resolve, reject }))
    channel.send({ type: 'acquire', run, request, name, ...rule })
    let isOver = false
    return {
      granted,
      release: () => {
        this.#wanted.delete(request)
        if (!isOver) channel.send({ type: 'release', run, request })
        isOver = true
      },
    }
  }

  line(id: string, message: LineMessage): void {
    const { bodies, run } = this.#options
    const open = this.#open.get(id)
    if (open) sendLine(bodies, { run, child: id }, message, (told) => open.listener.line(told))
  }

  watch(id: string, tree: boolean, listener: Pick<CallListener, 'event'>): void {
    const { channel, run } = this.#options
    if (this.#lost) return listener.event(undefined)
    this.#watching.set(id, [...(this.#watching.get(id) ?? []), listener])
    const leaving = this.#leaving.get(id)
    if (leaving) leaving.watches.push(tree)
    else channel.send({ type: 'watch', run, child: id, ...(tree ? { tree } : {}) })
  }

  /** A frame that concerns a call, or a place under a limit. */
  receive(message: CallerAnswer, value: IncomingValue | undefined): void {
    if (message.type === 'granted' || message.type === 'refused') return this.#answer(message)
    if (message.type === 'event' || message.type === 'watched') return this.#tell(message)
    const open = message.child === undefined ? undefined : this.#open.get(message.child)
    if (!open) return
    const { listener, turns } = open
    switch (message.type) {
      case 'status':
        return turns.add(undefined, () => listener.status(message.status, message.attempt))
      case 'settled':
        return turns.add(
          value?.read(),
          (received) => this.#settle(message, received, open),
          (fault) => this.#open.delete(message.child) && fail(message.child, listener, fault),
        )
      case 'may-retry':
        return turns.add(
          value?.read(),
          (received) => void this.#askRetry(message, received, listener),
          () => this.#answerRetry(message, false),
        )
      default:
        return turns.add(
          value?.read(),
          (received) => {
            if (!open.fault || !isYielded(message)) listener.line(lineOf(message, received))
          },
          (fault) => this.#loseLine(open, message, fault),
        )
    }
  }

  async #send({ id, task, input, options, shield, handlers, isExternal }: CallRequest): Promise<void> {
    const { channel, bodies, run, moduleOf } = this.#options
    const problem = sizeProblem(options)
    if (problem) throw new UsageError(`its options have ${problem}. Pass what is large as input.`)
    const leaving: Leaving = { watches: [] }
    this.#leaving.set(id, leaving)
    let ref: TaskRef
    try {
      ref = 'module' in task ? task : await moduleOf(task)
    } catch (error) {
      for (const _ of leaving.watches) this.#watched(id)
      throw error
    } finally {
      this.#leaving.delete(id)
    }
    const sent = bodies.sendValue({
      type: 'call',
      run,
      child: id,
      task: ref,
      options,
      ...(shield ? { shield } : {}),
      ...(handlers.length > 0 ? { handlers } : {}),
      ...(isExternal ? { external: true } : {}),
      input,
    })
    for (const tree of leaving.watches) channel.send({ type: 'watch', run, child: id, ...(tree ? { tree } : {}) })
    if (leaving.cancel) this.cancel(id, leaving.cancel.reason, leaving.cancel.kill)
    // Whatever ends it on its way, the supervisor answers the call, or there is none any more.
    await sent
  }

  #settle(
    { child, status, attempt, error }: Extract<Down, { type: 'settled' }>,
    value: Encoded | undefined,
    { listener, fault }: OpenCall,
  ): void {
    if (!this.#open.delete(child)) return
    if (fault) listener.settled(lost(`${child} was lost: items that it yielded did not arrive (${fault.message})`, fault), attempt)
    else if (status === 'done' && value) listener.settled({ status, output: value }, attempt)
    else if (status !== 'done' && error) listener.settled({ status, error, ...(value ? { value } : {}) }, attempt)
    else fail(child, listener, new Error('the supervisor sent an end without an outcome'))
  }

  async #askRetry(
    { child, attempt, error }: Extract<Down, { type: 'may-retry' }>,
    value: Encoded | undefined,
    listener: CallListener,
  ): Promise<void> {
    this.#answerRetry({ child, attempt }, await listener.mayRetry({ status: 'failed', error, ...(value ? { value } : {}) }, attempt))
  }

  #answerRetry({ child, attempt }: Pick<Extract<Down, { type: 'may-retry' }>, 'child' | 'attempt'>, again: boolean): void {
    const { channel, run } = this.#options
    channel.send({ type: 'retry', run, child, attempt, again })
  }

  #loseLine(open: OpenCall, frame: LineFrame, fault: Error): void {
    const { bodies, channel, run } = this.#options
    const { child } = frame
    if (child === undefined || open.fault) return
    if (!isYielded(frame))
      return loseLine(
        frame,
        fault,
        (message) => open.listener.line(message),
        (message) => bodies.send({ ...message, run, child } as LineFrame),
      )
    open.fault = fault
    const reason: CancelReason = { code: 'TASK_CANCELLED', message: 'items that it yielded did not arrive' }
    channel.send({ type: 'cancel', run, child, reason })
  }

  #tell(message: Extract<Down, { type: 'watched' | 'event' }>): void {
    const { child } = message
    if (child === undefined) return
    if (message.type === 'watched') return this.#watched(child)
    // Until a watch is answered what comes is for who asked: if its call has ended, its id may be used again.
    const listener = this.#watching.get(child)?.[0] ?? this.#open.get(child)?.listener
    listener?.event(message.event)
  }

  #watched(child: string): void {
    const [listener, ...others] = this.#watching.get(child) ?? []
    if (others.length > 0) this.#watching.set(child, others)
    else this.#watching.delete(child)
    listener?.event(undefined)
  }

  #answer(message: Extract<Down, { type: 'granted' | 'refused' }>): void {
    if (message.request === undefined) return
    const wanted = this.#wanted.get(message.request)
    this.#wanted.delete(message.request)
    if (message.type === 'granted') wanted?.resolve()
    else wanted?.reject(new UsageError(message.message))
  }

  #lose(fault: Error): void {
    for (const { reject } of this.#wanted.values()) reject(new Error(`the supervisor cannot be reached any more (${fault.message})`))
    this.#wanted.clear()
    this.#lost = fault
    const watching = [...this.#watching.values()].flat()
    this.#watching.clear()
    for (const listener of watching) listener.event(undefined)
    for (const [id, { listener }] of this.#open) fail(id, listener, fault)
    this.#open.clear()
  }
}

function isYielded(frame: LineFrame): boolean {
  return frame.type === 'items' && frame.call === YIELDS
}

function fail(id: string, listener: CallListener, fault: Error): void {
  listener.settled(lost(`${id} was lost: its supervisor cannot be reached any more (${fault.message})`, fault), 0)
}

function lost(message: string, fault: Error): FailedOutcome {
  return { status: 'failed', error: { code: 'TASK_LOST', name: 'TaskLostError', message, exit: { how: 'lost', detail: fault.message } } }
}

/** The call never left this process. */
function refuse(id: string, listener: CallListener, error: Error): void {
  listener.settled({ status: 'failed', error: notStarted(id, error, 'USAGE') }, 0)
}
