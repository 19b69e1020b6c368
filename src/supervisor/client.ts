/** A client on a channel: a script's own process that calls tasks, or another terminal that lists, follows and cancels. */
import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { CancelReason } from '../core/caller.ts'
import { ProtocolError } from '../core/errors.ts'
import type { ErrorSummary, RunEvent } from '../core/events.ts'
import { Bodies } from '../protocol/bodies.ts'
import { Channel, type ChannelOptions } from '../protocol/channel.ts'
import { PROTOCOL_VERSION, type Both, type Down, type LineFrame, type RunListing, type Up } from '../protocol/messages.ts'
import { parseUp } from '../protocol/parse.ts'
import type { IncomingValue } from '../protocol/values.ts'
import { clientId, type CallerIdentity } from './caller-identity.ts'
import type { Calls } from './calls.ts'
import type { CallerFrames } from './caller-frames.ts'
import { deliver, deliverLine, deliverQuestion } from './deliver.ts'
import { forReader } from './for-reader.ts'
import type { Limits } from './limits.ts'
import type { Owner } from './owner.ts'
import type { StoredValue } from './spool.ts'
import { tellWatcher } from './tell-watcher.ts'
import type { RunRecord, Settlement, TreeMessage } from './tree-messages.ts'

/** A list goes on in another frame once one holds so much: far less than a line may have, whatever the characters. */
const pageCharacters = 256 * 1024

export interface ClientContext {
  readonly calls: Calls
  readonly frames: CallerFrames
  readonly limits: Limits
  readonly runs: ReadonlyMap<string, RunRecord>
  apply(message: TreeMessage): void
  subscribe(listener: (event: RunEvent) => void): () => void
}

export type StreamOptions = Pick<ChannelOptions<Down>, 'ownsChunks'>

export class Client implements Owner {
  readonly id: string = clientId(randomBytes(6).toString('hex'))
  /** Resolves when the client has left, with what its runs are told. */
  readonly ended: Promise<CancelReason>
  readonly #identity: CallerIdentity = { client: this.id, parent: null, callerAttempt: 0 }
  readonly #context: ClientContext
  readonly #channel: Channel<Up | Both, Down | Both>
  readonly #bodies: Bodies<Up, Down>
  readonly #stopFollowing: () => void
  #followed: ((run: string) => boolean) | undefined
  /** How many log lines of a run it missed. */
  readonly #dropped = new Map<string, number>()

  constructor(stream: Duplex, context: ClientContext, options: StreamOptions = {}) {
    this.#context = context
    this.#channel = new Channel(stream, parseUp, options)
    this.#bodies = new Bodies(this.#channel)
    this.#stopFollowing = context.subscribe((event) => this.#tell(event))
    this.ended = this.#channel.closed.then((fault) => {
      this.#stopFollowing()
      return { code: 'TASK_CANCELLED', message: fault ? `its client was lost: ${fault.message}` : 'its client has left' }
    })
    this.#bodies.start((message, value) => this.#receive(message, value))
    this.#channel.send({ type: 'welcome', protocol: PROTOCOL_VERSION, worker: this.id, leaseMs: 0 })
  }

  status(run: RunRecord): void {
    this.#channel.send({ type: 'status', run: this.id, child: run.id, status: run.status, attempt: run.attempt })
  }

  settled(run: Pick<RunRecord, 'id' | 'attempt'>, settlement: Settlement): void {
    deliver(this.#bodies, this.id, run, settlement)
  }

  line(run: RunRecord, frame: LineFrame, value: StoredValue | undefined): void {
    deliverLine(this.#bodies, { run: this.id, child: run.id }, frame, value)
  }

  mayRetry(run: RunRecord, error: ErrorSummary, value: StoredValue | undefined): void {
    deliverQuestion(this.#bodies, this.id, run, error, value)
  }

  tell(child: string, event: RunEvent | undefined): void {
    tellWatcher(this.#channel, { run: this.id, child }, event)
  }

  #receive(message: Up, value: IncomingValue | undefined): void {
    switch (message.type) {
      case 'hello':
        if (message.protocol !== PROTOCOL_VERSION)
          throw new ProtocolError(`The client speaks protocol ${message.protocol}, this supervisor speaks ${PROTOCOL_VERSION}.`)
        return
      case 'call':
      case 'retry':
      case 'watch':
      case 'rpc':
      case 'rpc-stream':
      case 'rpc-result':
      case 'items':
      case 'want':
      case 'leave':
        return this.#context.frames.accept(this.#identity, this, message, value)
      case 'cancel':
        return this.#context.calls.cancel(message.child, message.reason, message.kill ?? false)
      case 'acquire':
      case 'release':
        return this.#context.limits.receive({ holder: this.id, client: this.id, send: (answer) => this.#channel.send(answer) }, message)
      case 'end':
        this.#context.calls.cancelArriving(this.#identity, message.reason)
        return this.#context.apply({ type: 'client-ended', client: this.id, reason: message.reason })
      case 'follow':
        this.#followed = message.run === undefined ? () => true : (run) => this.#isBelow(run, message.run as string)
        return
      case 'list':
        return this.#list(message.request)
      case 'pong':
        return
      case 'running':
      case 'progress':
      case 'done':
      case 'fail':
        throw new ProtocolError(`A client sent "${message.type}", which is for workers.`)
      default:
        message satisfies never
    }
  }

  #list(request: number): void {
    let runs: RunListing[] = []
    let characters = 0
    for (const run of this.#context.runs.values()) {
      if (characters >= pageCharacters) {
        this.#channel.send({ type: 'runs', request, runs, more: true })
        runs = []
        characters = 0
      }
      const listed = listing(run)
      characters += JSON.stringify(listed).length
      runs.push(listed)
    }
    this.#channel.send({ type: 'runs', request, runs })
  }

  #tell(event: RunEvent): void {
    if (!this.#followed?.(event.run)) return
    const told = forReader(event, this.#channel.bufferedBytes)
    if (!told) {
      if (event.type === 'log') this.#dropped.set(event.run, (this.#dropped.get(event.run) ?? 0) + 1)
      return
    }
    const lines = this.#dropped.get(event.run)
    if (lines && this.#dropped.delete(event.run))
      this.#channel.send({ type: 'event', event: { type: 'dropped', lines, run: event.run, seq: event.seq, at: event.at } })
    this.#channel.send({ type: 'event', event: told })
  }

  #isBelow(run: string, root: string): boolean {
    for (let id: string | null | undefined = run; id; id = this.#context.runs.get(id)?.parent) if (id === root) return true
    return false
  }
}

function listing({ id, parent, name, task, status, engine, attempt, createdAt, startedAt }: RunRecord): RunListing {
  return { id, parent, name, task, status, engine, attempt, createdAt, ...(startedAt === undefined ? {} : { startedAt }) }
}
