import type { Caller, CallListener, CallRequest, CancelReason, TaskSite } from '../core/caller.ts'
import { CowaitError } from '../core/errors.ts'
import type { TaskRef } from '../core/events.ts'
import type { Encoded } from '../core/value.ts'
import type { Bodies } from './bodies.ts'
import type { Channel } from './channel.ts'
import type { Both, Down, Up } from './messages.ts'
import type { IncomingValue } from './values.ts'

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
    const { channel, run } = this.#options
    channel.send({ type: 'cancel', run, child: id, reason, ...(kill ? { kill } : {}) })
  }

  /** A frame that concerns a call. */
  receive(message: Extract<Down, { type: 'status' | 'settled' }>, value: IncomingValue | undefined): void {
    const listener = this.#open.get(message.child)
    if (!listener) return
    if (message.type === 'status') return listener.status(message.status, message.attempt)
    void this.#settle(message, value?.read(), listener)
  }

  async #send({ id, task, input, options, shield }: CallRequest): Promise<void> {
    const { bodies, run, moduleOf } = this.#options
    const ref = 'module' in task ? task : await moduleOf(task)
    const fault = await bodies.sendValue({ type: 'call', run, child: id, task: ref, options, ...(shield ? { shield } : {}), input })
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

  #lose(fault: Error): void {
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
