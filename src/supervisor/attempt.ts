/** One attempt of a run: a worker for it, the handshake, the run, its outcome, and that nothing is left of the worker. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { CancelReason } from '../core/caller.ts'
import { coalescedReports } from '../core/coalesced-reports.ts'
import type { Exit, Worker, WorkerId } from '../core/engine.ts'
import type { ErrorSummary, RunEvent } from '../core/events.ts'
import { ProtocolError } from '../core/errors.ts'
import type { TreeRef } from '../core/tree.ts'
import { Bodies } from '../protocol/bodies.ts'
import { Channel } from '../protocol/channel.ts'
import { CutFrameError } from '../protocol/frames.ts'
import { LOST_CHANNEL_CODE, PROTOCOL_VERSION, type Both, type Down, type LineFrame, type Up } from '../protocol/messages.ts'
import type { OutputItem } from '../protocol/output.ts'
import { parseUp } from '../protocol/parse.ts'
import type { IncomingValue } from '../protocol/values.ts'
import type { AttemptContext } from './attempt-context.ts'
import { bounded } from './bounded.ts'
import { deliver, deliverLine, deliverQuestion } from './deliver.ts'
import { lostError } from './endings.ts'
import { Handover } from './handover.ts'
import { isWorthKeeping } from './keep-failed.ts'
import { Printed } from './printed.ts'
import type { Owner } from './owner.ts'
import type { StoredValue } from './spool.ts'
import { tellWatcher } from './tell-watcher.ts'
import { startError } from './start-error.ts'
import type { AttemptOutcome, PlainEvent, RunRecord, Settlement } from './tree-messages.ts'

/** For a worker to leave once its answer is accepted. */
const leaveMs = 2_000
/** Between SIGTERM and SIGKILL of a worker that has used up its grace. */
const terminateMs = 300
/** For what is still on its way when a worker has ended: the rest of its channel and output. */
const restMs = 1_000
/** For an engine to make a worker gone, or to give up its start. */
const removeMs = 20_000

export class Attempt implements Owner {
  readonly #run: RunRecord
  readonly #context: AttemptContext
  readonly #starting = new AbortController()
  readonly #flushToken = randomBytes(9).toString('base64url')
  readonly #answer: Promise<void>
  #markAnswered!: () => void
  #outcome: AttemptOutcome | undefined
  #code: TreeRef | undefined
  #worker: Worker | undefined
  #channel: Channel<Up | Both, Down | Both> | undefined
  #bodies: Bodies<Up, Down> | undefined
  #printed: Printed | undefined
  readonly #progress = coalescedReports<Extract<PlainEvent, { type: 'progress' }>>((report) => this.#emit(report))
  #handover: Handover | undefined
  #ping: NodeJS.Timeout | undefined
  #isGreeted = false
  #isRunning = false
  #isAnswering = false
  /** An answer that comes now is too late. */
  #isLost = false
  #isKept = false
  /** Why its engine cannot make it gone. */
  #outOfReach: string | undefined
  /** What is still printed or said by then is nobody's any more. */
  #isGone = false

  constructor(run: RunRecord, context: AttemptContext) {
    this.#run = run
    this.#context = context
    this.#answer = new Promise((resolve) => (this.#markAnswered = resolve))
  }

  /** The attempt from its start until nothing is left of it; never rejects. */
  async drive(): Promise<void> {
    const worker = await this.#start()
    if (worker) await this.#serve(worker)
    this.#isGone = true
    this.#context.gone(this.#run)
  }

  /** The run is cancelled: a function that has started hears of it, anything earlier just ends. */
  cancel(reason: CancelReason, graceMs: number): void {
    if (!this.#isRunning || !this.#channel) return this.kill()
    this.#channel.send({ type: 'cancel', run: this.#run.id, reason, graceMs })
  }

  kill(): void {
    this.#starting.abort()
    if (this.#worker) void this.#remove(this.#worker, terminateMs)
  }

  /** A child's status, for the worker as its caller. */
  status(child: RunRecord): void {
    this.#channel?.send({ type: 'status', run: this.#run.id, child: child.id, status: child.status, attempt: child.attempt })
  }

  /** A child's end, for the worker as its caller. */
  settled(child: Pick<RunRecord, 'id' | 'attempt'>, settlement: Settlement): void {
    if (this.#bodies) deliver(this.#bodies, this.#run.id, child, settlement)
  }

  line(child: RunRecord, frame: LineFrame, value: StoredValue | undefined): void {
    if (this.#bodies) deliverLine(this.#bodies, { run: this.#run.id, child: child.id }, frame, value)
    else void value?.release()
  }

  mayRetry(child: RunRecord, error: ErrorSummary, value: StoredValue | undefined): void {
    if (this.#bodies) deliverQuestion(this.#bodies, this.#run.id, child, error, value)
  }

  tell(child: string, event: RunEvent | undefined): void {
    if (this.#channel) tellWatcher(this.#channel, { run: this.#run.id, child }, event)
  }

  /** What the run's caller says over the line. */
  toRun(frame: LineFrame, value: StoredValue | undefined): void {
    if (this.#bodies) deliverLine(this.#bodies, { run: this.#run.id }, frame, value)
    else void value?.release()
  }

  async #start(): Promise<Worker | undefined> {
    const { engine, spec } = this.#context
    const signal = this.#starting.signal
    try {
      this.#code = await this.#context.code(signal)
      signal.throwIfAborted()
      const workerSpec = { ...spec(this.#run, this.#code), ...(this.#context.keepFailed ? { keep: true } : {}) }
      engine.check(workerSpec)
      this.#emit({ type: 'starting', attempt: this.#run.attempt, worker: workerSpec.id })
      const report = (phase: Extract<PlainEvent, { type: 'starting' }>['phase']): void =>
        this.#emit({ type: 'starting', attempt: this.#run.attempt, worker: workerSpec.id, ...(phase ? { phase } : {}) })
      const worker = await this.#unlessStuck(engine.start(workerSpec, signal, report), workerSpec.id)
      if (!worker) return undefined
      this.#worker = worker
      if (signal.aborted) void this.#remove(worker, 0)
      return worker
    } catch (error) {
      if (!signal.aborted) this.#context.ended(this.#run, { type: 'lost', ...startError(this.#run, error) })
      return undefined
    }
  }

  /** Nothing where the engine goes on starting a worker that is no longer wanted. */
  async #unlessStuck(starting: Promise<Worker>, id: WorkerId): Promise<Worker | undefined> {
    const { engine } = this.#context
    if (!this.#starting.signal.aborted) await Promise.race([starting, once(this.#starting.signal, 'abort')])
    if (await bounded(starting, removeMs)) return await starting
    this.#giveUp(id, `its start has not ended after ${removeMs / 1_000} s`)
    starting.then((worker) => engine.remove(worker.id, 0)).catch(() => {})
    return undefined
  }

  async #serve(worker: Worker): Promise<void> {
    this.#printed = new Printed(worker.output, (item) => this.#emit(lineOf(this.#run.attempt, item)))
    const channel = this.#openChannel(worker)
    const first = await Promise.race([this.#answer, worker.exited, channel.closed])
    if (!this.#outcome)
      await bounded(Promise.all([channel.closed, worker.exited]), first instanceof Error && !(first instanceof CutFrameError) ? 0 : restMs)
    if (this.#isAnswering) await bounded(this.#answer, restMs)
    this.#handover?.end()
    clearInterval(this.#ping)
    this.#progress.flush()
    if (this.#outcome) await bounded(this.#printed.flushed(this.#flushToken), restMs)
    if (this.#outcome && !(await this.#fault(channel))) await this.#letLeave(worker, channel, this.#outcome)
    else await this.#loseWorker(worker, channel)
  }

  /** What a worker said wrong, after its answer too, until that is accepted. */
  async #fault(channel: Channel<Up | Both, Down | Both>): Promise<ProtocolError | undefined> {
    const fault = channel.isClosed ? await channel.closed : undefined
    return fault instanceof ProtocolError && !(fault instanceof CutFrameError) ? fault : undefined
  }

  async #letLeave(worker: Worker, channel: Channel<Up | Both, Down | Both>, outcome: AttemptOutcome): Promise<void> {
    await this.#context.routed(this.#run)
    await this.#keepFailed(worker, outcome)
    channel.send({ type: 'accepted', run: this.#run.id })
    this.#context.ended(this.#run, outcome)
    await bounded(worker.exited, leaveMs)
    await this.#remove(worker, 0)
    await bounded(this.#printed!.ended, restMs)
  }

  async #loseWorker(worker: Worker, channel: Channel<Up | Both, Down | Both>): Promise<void> {
    const hasLeft = await bounded(worker.exited, 0)
    this.#isLost = true
    if (this.#outcome && 'value' in this.#outcome) void this.#outcome.value.release()
    if (hasLeft) await this.#keepFailed(worker, { type: 'lost', error: lostError(this.#run, await worker.exited, []), retryable: true })
    await this.#remove(worker, 0)
    await bounded(this.#printed!.ended, restMs)
    const fault = await channel.closed
    // A frame that is cut short is no fault of whoever wrote it, also where that is not known to be gone yet.
    const isBroken = fault instanceof ProtocolError && !(fault instanceof CutFrameError)
    const exit: Exit = hasLeft ? await worker.exited : { how: 'lost', detail: fault?.message ?? this.#silence() }
    const error = isBroken ? this.#protocolError(fault) : lostError(this.#run, this.#explain(exit), this.#printed!.lastLines)
    this.#context.ended(this.#run, { type: 'lost', error, retryable: !isBroken })
  }

  async #keepFailed(worker: Worker, outcome: AttemptOutcome): Promise<void> {
    const { engine, keepFailed } = this.#context
    if (!keepFailed || !engine.keep || !isWorthKeeping(this.#run, outcome)) return
    const { id } = this.#run
    try {
      await engine.keep(worker.id)
      this.#isKept = true
      this.#emit({ type: 'notice', text: `Kept as it failed: "cowait shell ${id}" looks inside, "cowait rm ${id}" removes it.` })
    } catch (error) {
      this.#emit({ type: 'notice', text: (error as Error).message })
    }
  }

  #openChannel(worker: Worker): Channel<Up | Both, Down | Both> {
    const channel = new Channel<Up | Both, Down | Both>(worker.channel, parseUp)
    this.#channel = channel
    this.#bodies = new Bodies(channel)
    this.#handover = new Handover({
      startTimeoutMs: this.#run.options.startTimeoutMs,
      fail: (why) => channel.fail(why),
      slow: (ms) => this.#emit({ type: 'notice', text: slowText(this.#run.id, ms) }),
    })
    this.#bodies.start((message, value) => this.#receive(message, value))
    const { leaseMs } = this.#context
    channel.send({ type: 'welcome', protocol: PROTOCOL_VERSION, worker: worker.id, leaseMs })
    if (leaseMs > 0) this.#ping = setInterval(() => channel.send({ type: 'ping' }), leaseMs / 3)
    return channel
  }

  #receive(message: Up, value: IncomingValue | undefined): void {
    if (this.#isGone) return
    if ('run' in message && message.run !== this.#run.id)
      throw new ProtocolError(`The worker of run ${this.#run.id} spoke of run ${message.run}.`)
    if ((message.type === 'hello') === this.#isGreeted)
      throw new ProtocolError(this.#isGreeted ? 'The worker sent "hello" twice.' : `The worker sent "${message.type}" before "hello".`)
    if (message.type !== 'pong') this.#handover?.heard()
    switch (message.type) {
      case 'hello':
        return this.#greet(message)
      case 'running':
        this.#isRunning = true
        this.#handover?.end()
        return this.#context.running(this.#run)
      case 'progress':
        return this.#progress.add({ ...message, type: 'progress' })
      case 'done':
      case 'fail':
        return void this.#takeAnswer(message, value)
      case 'call':
      case 'cancel':
      case 'retry':
      case 'watch':
        return this.#context.asCaller(this.#run, message, value)
      case 'rpc':
      case 'rpc-stream':
      case 'rpc-result':
      case 'items':
      case 'want':
      case 'leave':
        if (message.child === undefined) return this.#context.asRun(this.#run, message, value)
        return this.#context.asCaller(this.#run, message, value)
      case 'acquire':
      case 'release':
        return this.#context.limit(this.#run, message, (answer) => this.#channel?.send(answer))
      case 'pong':
        return
      case 'follow':
      case 'list':
      case 'end':
        throw new ProtocolError(`The worker sent "${message.type}", which is for clients.`)
      default:
        message satisfies never
    }
  }

  #greet(hello: Extract<Up, { type: 'hello' }>): void {
    if (hello.protocol !== PROTOCOL_VERSION)
      throw new ProtocolError(
        `The worker speaks protocol ${hello.protocol}, this supervisor speaks ${PROTOCOL_VERSION}: use one version of cowait on both sides.`,
      )
    this.#isGreeted = true
    const { id, key, attempt, task, name, options, handlers, decides, input } = this.#run
    const { path, cwd, hash } = this.#code!
    const sent = this.#bodies!.sendValue({
      type: 'run',
      run: id,
      key,
      attempt,
      task,
      name,
      code: { path, cwd, hash },
      env: options.env ?? {},
      flush: this.#flushToken,
      ...(handlers.length > 0 ? { handlers } : {}),
      ...(decides && options.retry?.ask ? { decides } : {}),
      ...(options.orphans ? { orphans: options.orphans } : {}),
      input: this.#handover!.watched(input),
    })
    void sent.then((fault) => (fault ? this.#channel?.fail(fault) : this.#handover?.done()))
  }

  async #takeAnswer(message: Extract<Up, { type: 'done' | 'fail' }>, incoming: IncomingValue | undefined): Promise<void> {
    if (this.#isAnswering || !incoming) return this.#channel!.fail(new ProtocolError('The worker answered twice.'))
    this.#isAnswering = true
    try {
      const value = await incoming.readInto(this.#context.spool.sink(message.value))
      if (this.#isLost) return void value.release()
      if (message.type === 'done') this.#outcome = { type: 'done', value }
      else this.#outcome = { type: 'failed', error: message.error, value, retryable: message.retryable }
    } catch (error) {
      this.#isAnswering = false
      // The worker went in the middle of its answer: how it ended says more.
      if (error instanceof ProtocolError) return
      const { error: summary } = startError(this.#run, error)
      this.#outcome = {
        type: 'lost',
        error: { ...summary, message: `${this.#run.id} answered, but its answer was lost: ${(error as Error).message}` },
        retryable: false,
      }
    }
    this.#markAnswered()
  }

  /** A worker that cannot be made gone is told of, and found again by the next sweep; it must not hang its run. */
  async #remove(worker: Worker, graceMs: number): Promise<void> {
    if (this.#isKept || this.#outOfReach !== undefined) return
    try {
      const isGone = await bounded(this.#context.engine.remove(worker.id, graceMs), graceMs + removeMs)
      if (!isGone) throw new Error(`it is not gone after ${removeMs / 1_000} s`)
    } catch (error) {
      this.#giveUp(worker.id, (error as Error).message)
    }
  }

  #giveUp(id: WorkerId, why: string): void {
    this.#outOfReach = why
    this.#context.notRemoved(this.#run)
    this.#channel?.fail(new Error('its engine could not remove it'))
    this.#emit({ type: 'notice', text: `Worker ${id} could not be removed: ${why}. "cowait prune" tries again.` })
  }

  /** Its engine may be what has failed. */
  #silence(): string {
    const why = this.#outOfReach === undefined ? '' : `, and it could not be removed: ${this.#outOfReach.replace(/\.$/, '')}`
    return `it closed its channel without an answer${why}`
  }

  #emit(event: PlainEvent): void {
    if (!this.#isGone) this.#context.emit(this.#run, event)
  }

  #protocolError(fault: Error): ErrorSummary {
    return {
      code: 'PROTOCOL',
      name: 'ProtocolError',
      message: `${this.#run.id} was stopped: ${fault.message}`,
      path: [{ id: this.#run.id, task: this.#run.name }],
      lastLines: this.#printed!.lastLines,
    }
  }

  #explain(exit: Exit): Exit {
    if (exit.how === 'exited' && exit.code === LOST_CHANNEL_CODE) return { ...exit, how: 'lost', detail: 'its channel broke, so it left' }
    const hasAborted = exit.signal === 'SIGABRT' || exit.code === 134
    if (!hasAborted || !this.#printed!.ranOutOfHeap) return exit
    return { ...exit, how: 'out-of-memory', detail: exit.detail ?? 'JavaScript heap out of memory' }
  }
}

function lineOf(attempt: number, item: Extract<OutputItem, { text: string }>): Extract<PlainEvent, { type: 'log' }> {
  const { level, stream, text, fields, more } = item
  return fields || more ? { ...item, type: 'log', attempt } : { type: 'log', attempt, level, stream, text }
}

function slowText(run: string, ms: number): string {
  return `${run} has not started its function for ${ms / 1_000} s: its module, init() or before() takes that long. A startTimeout bounds it.`
}
