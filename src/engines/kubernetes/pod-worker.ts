/** One worker's pod from its creation to its end: channel and output over the link, the way it ended from the pod itself or the watch. */
import { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { Exit, Worker, WorkerId } from '../../core/engine.ts'
import { OutputQueue } from '../output-queue.ts'
import type { Pod } from './api-types.ts'
import { deletion, exitOf, hasTerminated } from './conditions.ts'
import type { Link } from './link.ts'
import { down, up, type EndRequest, type PodExit, type Setup } from './pod-frames.ts'
import { readExit } from './pod-words.ts'

const pieceBytes = 64 << 10
/** Of the code at once: what TLS has encrypted and not yet sent stays taken for as long as the connection, so many pods would hold much. */
const deliveryBytes = 16 << 10
/** The watch is this far behind a broken link at most. */
const watchPatienceMs = 1500
/** How far behind a pod's end the reason for it may be: less than a supervisor waits for a worker whose channel has ended. */
const reasonPatienceMs = 800
/** What a reader of ours may leave standing; above it the oldest output goes. */
const outputBound = 16 << 20

export interface PodFacts {
  readonly id: WorkerId
  readonly name: string
  readonly memoryLimit: string | undefined
  /** It was started so that it can be kept. */
  readonly keep: boolean
  /** Why the cluster takes it away, where that is for a lease that could not be renewed. */
  readonly whyMissed?: () => string | undefined
}

export class PodWorker {
  readonly facts: PodFacts
  readonly worker: Worker
  /** Settles when the cluster no longer has the pod. */
  readonly gone: Promise<void>
  /** Settles when the worker is known to have ended: by its pod's own word, or by its container's state. */
  readonly over: Promise<void>
  /** What its state was last, for who starts it. */
  onPod: (pod: Pod) => void = () => {}
  readonly #link: () => Link
  readonly #channel: Duplex
  readonly #output = new OutputQueue()
  #settle!: (exit: Exit) => void
  #leave!: () => void
  #finish!: () => void
  #hasExited = false
  #isOver = false
  #isGone = false
  /** How it ended, by the watch's word. */
  #heard: Exit | undefined
  /** Of the node that it is on, when that is known. */
  #node: string | undefined
  #leftAt = -Infinity
  #isRemoving = false
  #awaitingRoom: (() => void)[] = []

  constructor(facts: PodFacts, link: () => Link) {
    this.facts = facts
    this.#link = link
    this.gone = new Promise((resolve) => (this.#leave = resolve))
    this.over = new Promise((resolve) => (this.#finish = resolve))
    this.#channel = this.#openChannel()
    this.#output.dropAbove = outputBound
    const exited = new Promise<Exit>((resolve) => (this.#settle = resolve))
    this.worker = { id: facts.id, channel: this.#channel, output: this.#output, exited }
  }

  /** Whether the worker is known to have ended. `exited` may settle before, for a pod that is being deleted or out of reach. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** When its worker ended, or was to be removed, of `performance.now()`; `-Infinity` until then. */
  get leftAt(): number {
    return this.#leftAt
  }

  get isGone(): boolean {
    return this.#isGone
  }

  /** Sends the code and what to start; the worker boots when it has arrived. */
  async deliver(setup: Setup, pieces: readonly Buffer[]): Promise<void> {
    const { session } = this.#link()
    session.send(down.setup, Buffer.from(JSON.stringify(setup)))
    for (const piece of pieces) {
      for (let at = 0; at < piece.length; at += deliveryBytes) {
        await new Promise<void>((resolve) => session.send(down.archive, piece.subarray(at, at + deliveryBytes), resolve))
        if (!session.hasRoom) await this.#room()
        if (this.#hasExited) return
      }
    }
    session.send(down.archive, Buffer.alloc(0))
  }

  receive(type: number, payload: Buffer): void {
    switch (type) {
      case up.output:
        return this.#output.push(payload)
      case up.channel:
        if (!this.#channel.destroyed && !this.#channel.readableEnded) this.#channel.push(payload)
        return
      case up.channelEnd:
        return this.#endChannel()
      case up.exit:
        return this.#takeExit(readExit(payload))
    }
  }

  hasRoom(): void {
    for (const resolve of this.#awaitingRoom.splice(0)) resolve()
  }

  /** The watch speaks of it. */
  hear(pod: Pod): void {
    this.#node = pod.spec?.nodeName ?? this.#node
    this.onPod(pod)
    if (hasTerminated(pod)) this.#beOver()
    if (this.#isRemoving) return
    const exit = exitOf(pod, this.facts.memoryLimit, this.facts.whyMissed?.())
    this.#heard = exit
    if (exit?.how === 'removed') this.#end(exit)
    else if (exit) void this.#endSoon(exit, watchPatienceMs)
  }

  markDeleted(): void {
    if (!this.#hasExited)
      this.#end(this.#isRemoving ? { how: 'killed', signal: 'SIGKILL' } : (this.#heard ?? deletion(this.facts.whyMissed?.())))
    this.#isGone = true
    this.#leave()
  }

  /** The link is gone for good; the watch may know more. */
  async lose(why: string): Promise<void> {
    await pause(watchPatienceMs, undefined, { ref: false })
    const silent = this.#node === undefined ? '' : `; its node ${this.#node}, or the way to it, does not answer`
    this.#end({ how: 'lost', detail: `the connection to its pod broke: ${why}${silent}` })
  }

  /** From now on its end is our own doing. */
  expectRemoval(): void {
    this.#leftAt = performance.now()
    this.#isRemoving = true
  }

  /** Asks the pod to end its worker. */
  askToEnd(request: EndRequest): void {
    if (!this.#isOver || this.facts.keep) this.#link().session.send(down.end, Buffer.from(JSON.stringify(request)))
  }

  /** Asks the pod to stay when its worker has ended; resolves when it has heard that. */
  async askToStay(): Promise<void> {
    const { session } = this.#link()
    session.send(down.keep, Buffer.alloc(0))
    await session.confirmed()
  }

  #beOver(): void {
    this.#isOver = true
    this.#finish()
  }

  #takeExit(said: PodExit): void {
    this.#beOver()
    const exit = this.#exitOf(said)
    // Why its cluster ended it (a deletion, an eviction) is on its way from there.
    if (said.wasTerminated && !this.#isRemoving) void this.#endSoon(exit, reasonPatienceMs)
    else this.#end(exit)
  }

  /** Another word on how it ended is on its way, where the way still holds, and goes before this one. */
  async #endSoon(exit: Exit, patienceMs: number): Promise<void> {
    await pause(patienceMs, undefined, { ref: false })
    this.#end(exit)
  }

  #end(exit: Exit): void {
    if (this.#hasExited) return
    this.#hasExited = true
    this.#leftAt = performance.now()
    this.#settle(exit)
    this.#output.end()
    this.#endChannel()
    this.hasRoom()
  }

  #endChannel(): void {
    if (!this.#channel.readableEnded && !this.#channel.destroyed) this.#channel.push(null)
  }

  #exitOf({ code, signal, wasOrphaned, outOfMemory, peakBytes, limitBytes, fault }: PodExit): Exit {
    if (fault !== undefined) return { how: 'exited', code: code ?? 1, detail: `it could not be started: ${fault}` }
    if (wasOrphaned) return { how: 'lost', detail: 'its pod could not be reached from its supervisor for too long, and ended it' }
    const known = [limitBytes && `limit ${mib(limitBytes)}`, peakBytes && `peak ${mib(peakBytes)}`].filter(Boolean).join(', ')
    if (outOfMemory && signal === 'SIGKILL') return { how: 'out-of-memory', signal, ...(known && { detail: known }) }
    const detail = outOfMemory && code !== 0 ? `a process in the pod ran out of memory${known && ` (${known})`}` : undefined
    if (signal !== null) return { how: 'killed', signal, ...(detail && { detail }) }
    return { how: 'exited', code: code ?? 0, ...(detail && { detail }) }
  }

  #room(): Promise<void> {
    return new Promise((resolve) => this.#awaitingRoom.push(resolve))
  }

  #openChannel(): Duplex {
    const channel = new Duplex({
      allowHalfOpen: true,
      readableHighWaterMark: 1 << 20,
      read: () => {},
      write: (chunk: Buffer, _encoding, done) => {
        const { session } = this.#link()
        let hasRoom = true
        for (let at = 0; at < chunk.length; at += pieceBytes) hasRoom = session.send(down.channel, chunk.subarray(at, at + pieceBytes))
        if (hasRoom || this.#hasExited) done()
        else this.#awaitingRoom.push(() => done())
      },
      final: (done) => {
        this.#link().session.send(down.channelEnd, Buffer.alloc(0))
        done()
      },
      destroy: (error, done) => {
        this.#link().session.send(down.channelEnd, Buffer.alloc(0))
        done(error)
      },
    })
    channel.on('error', () => {})
    return channel
  }
}

function mib(bytes: number): string {
  return `${Math.round(bytes / (1 << 20))} MiB`
}
