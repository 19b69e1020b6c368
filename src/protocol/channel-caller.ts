import type { Caller, CallListener, CallRequest, CancelReason, LimitPlace, LimitRule, TaskSite } from '../core/caller.ts'
import { CowaitError, UsageError } from '../core/errors.ts'
import type { TaskRef } from '../core/events.ts'
import type { Encoded } from '../core/value.ts'
import type { Bodies } from './bodies.ts'
import type { Channel } from './channel.ts'
import type { Both, Down, Up } from './messages.ts'
import type { IncomingValue } from './values.ts'

/** What a supervisor says to a caller. */
export type CallerAnswer = Extract<Down, { type: 'status' | 'settled' | 'granted' | 'refused' }>

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
  readonly #open = new Map<string, CallListener>()
  /** Calls that have not left this process, with the cancel that must not overtake them. */
  readonly #leaving = new Map<string, { cancel?: { reason: CancelReason; kill: boolean } }>()
  readonly #wanted = new Map<number, { resolve: () => void; reject: (error: Error) => void }>()
  #requests = 0
  #lost: Error | undefined

  constructor(options: ChannelCallerOptions) {
    this.#options = options
    void options.channel.closed.then((fault) => this.#lose(fault ?? new Error('the channel has ended')))
  }

  call(request: CallRequest, listener: CallListener): void {
    if (this.#lost) return fail(request.id, listener, this.#lost)
    this.#open.set(request.id, listener)
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
    channel.send({ type: 'cancel', run, child: id, reason, ...(kill ? { kill } : {}) })
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

  /** A frame that concerns a call, or a place under a limit. */
  receive(message: CallerAnswer, value: IncomingValue | undefined): void {
    if (message.type === 'granted' || message.type === 'refused') return this.#answer(message)
    const listener = this.#open.get(message.child)
    if (!listener) return
    if (message.type === 'status') return listener.status(message.status, message.attempt)
    void this.#settle(message, value?.read(), listener)
  }

  async #send({ id, task, input, options, shield }: CallRequest): Promise<void> {
    const { bodies, run, moduleOf } = this.#options
    const leaving: { cancel?: { reason: CancelReason; kill: boolean } } = {}
    this.#leaving.set(id, leaving)
    let ref: TaskRef
    try {
      ref = 'module' in task ? task : await moduleOf(task)
    } finally {
      this.#leaving.delete(id)
    }
    const sent = bodies.sendValue({ type: 'call', run, child: id, task: ref, options, ...(shield ? { shield } : {}), input })
    if (leaving.cancel) this.cancel(id, leaving.cancel.reason, leaving.cancel.kill)
    const fault = await sent
    if (fault) throw fault
  }

  async #settle(message: Extract<Down, { type: 'settled' }>, value: Promise<Encoded> | undefined, listener: CallListener): Promise<void> {
    const { child, status, attempt, error } = message
    try {
      const received = await value
      this.#open.delete(child)
      if (status === 'done' && received) listener.settled({ status, output: received }, attempt)
      else if (status !== 'done' && error) listener.settled({ status, error, ...(received ? { value: received } : {}) }, attempt)
      else fail(child, listener, new Error('the supervisor sent an end without an outcome'))
    } catch (fault) {
      if (this.#open.delete(child)) fail(child, listener, fault as Error)
    }
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
    for (const [id, listener] of this.#open) fail(id, listener, fault)
    this.#open.clear()
  }
}

function fail(id: string, listener: CallListener, fault: Error): void {
  const message = `${id} was lost: its supervisor cannot be reached any more (${fault.message})`
  listener.settled(
    { status: 'failed', error: { code: 'TASK_LOST', name: 'TaskLostError', message, exit: { how: 'lost', detail: fault.message } } },
    0,
  )
}

/** The call never left this process. */
function refuse(id: string, listener: CallListener, error: Error): void {
  const code = error instanceof CowaitError ? error.code : 'USAGE'
  listener.settled({ status: 'failed', error: { code, name: error.name, message: `${id} was not started: ${error.message}` } }, 0)
}
