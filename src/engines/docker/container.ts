/**
 * One worker's container from its creation to its end.
 *
 * How it ended comes from the engine's events. Where they are missing (the daemon restarted, the connection broke), the container
 * itself is asked, and where that is gone too, the worker is lost; always within bounds.
 */
import { constants } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import type { Exit, Worker, WorkerId } from '../../core/engine.ts'
import { connectionError, isMissing } from './api-error.ts'
import type { ApiContainer } from './api-types.ts'
import type { AttachedStreams } from './attached-streams.ts'
import type { DockerClient } from './docker-client.ts'
import type { ContainerEvent } from './event-stream.ts'
import { keepSignal, notFoundCode } from './launch-line.ts'
import { readStats, readUsage } from './stats.ts'

/** Events follow the end of the streams within milliseconds, if they follow. */
const eventPatienceMs = 1000
/** How long an engine that does not answer may take to come back before its workers count as lost. */
const enginePatienceMs = 8000

/** Whoever dies this long after the streams ended was killed by the guard, for want of them. */
const guardPatienceMs = 1500
/** As a shell says SIGKILL. */
const killedCode = 128 + constants.signals.SIGKILL
const connectionBroke: Exit = { how: 'lost', detail: 'the connection to its container broke, so it was ended' }

export interface ContainerFacts {
  readonly id: WorkerId
  readonly containerId: string
  readonly name: string
  readonly image: string
  readonly memoryLimit: string | undefined
  /** Whether the container may outlive its worker. */
  readonly keep: boolean
  /** Add-ons that were made for another platform, for the message when the worker fails. */
  readonly warning: () => string | undefined
}

export class Container {
  readonly facts: ContainerFacts
  readonly exited: Promise<Exit>
  /** Settles when the engine no longer has the container. */
  readonly gone: Promise<void>
  streams: AttachedStreams | undefined
  readonly #client: DockerClient
  #settle: (exit: Exit) => void = () => {}
  #leave: () => void = () => {}
  #isGone = false
  #hasExited = false
  #streamsEndedAt = Infinity
  #ranOutOfMemory = false
  #peak: Promise<string | undefined> = Promise.resolve(undefined)
  #ourSignal = false
  #strangeSignal: number | undefined

  constructor(client: DockerClient, facts: ContainerFacts) {
    this.#client = client
    this.facts = facts
    this.exited = new Promise((resolve) => (this.#settle = resolve))
    this.gone = new Promise((resolve) => (this.#leave = resolve))
  }

  get isGone(): boolean {
    return this.#isGone
  }

  get hasExited(): boolean {
    return this.#hasExited
  }

  /** The worker, from the moment that its container runs. */
  attach(streams: AttachedStreams): Worker {
    this.streams = streams
    void streams.ended.then(async (code) => {
      this.#streamsEndedAt = performance.now()
      if (code === undefined) return this.#searchExit()
      // Only an event says whether memory ran out, and it comes another way.
      if (code === killedCode && !this.#ranOutOfMemory) await pause(eventPatienceMs / 2)
      return this.#ended(code)
    })
    const { channel, output } = streams
    return { id: this.facts.id, channel, output, exited: this.exited, stats: () => readUsage(this.#client, this.facts.containerId) }
  }

  /** From now on a signal is our own doing. */
  expectSignal(): void {
    this.#ourSignal = true
  }

  hear({ action, exitCode = 0, signal }: ContainerEvent): void {
    switch (action) {
      case 'oom':
        this.#ranOutOfMemory = true
        this.#peak = this.#readPeak()
        return
      case 'kill':
        if (!this.#ourSignal && signal !== constants.signals[keepSignal]) this.#strangeSignal = signal
        return
      case 'die':
        void this.#ended(exitCode)
        return
      case 'destroy':
        if (!this.#hasExited) this.#end({ how: 'removed', detail: 'the container was removed from outside' })
        this.markGone()
    }
  }

  markGone(): void {
    this.#isGone = true
    this.#leave()
  }

  /** We removed it. The event of its end may still be on its way. */
  async markRemoved(): Promise<void> {
    await Promise.race([this.exited, pause(eventPatienceMs)])
    if (!this.#hasExited) this.#end({ how: 'killed', signal: 'SIGKILL' })
    this.markGone()
  }

  async #ended(code: number): Promise<void> {
    // A container that is kept ends once more.
    if (this.#hasExited) return
    this.#hasExited = true
    if (this.#ranOutOfMemory && code !== 0) {
      const peak = await Promise.race([this.#peak, pause(100, undefined)])
      const known = [this.facts.memoryLimit && `limit ${this.facts.memoryLimit}`, peak && `peak ${peak}`].filter(Boolean).join(', ')
      // The guard outlives what the kernel chose; when another process was chosen, the worker's own code says what it made of that.
      if (code === killedCode) this.#end({ how: 'out-of-memory', signal: 'SIGKILL', ...(known && { detail: known }) })
      else this.#end({ ...this.#plain(code), detail: `a process in the container ran out of memory${known && ` (${known})`}` })
      return
    }
    const outlivedStreams = performance.now() - this.#streamsEndedAt > guardPatienceMs
    const isUnasked = !this.#ourSignal && this.#strangeSignal === undefined
    this.#end(code === killedCode && outlivedStreams && isUnasked ? connectionBroke : this.#plain(code))
  }

  #plain(code: number): Exit {
    const signal = signalOf(code)
    if (signal !== undefined) {
      const { memoryLimit } = this.facts
      let detail: string | undefined
      if (this.#strangeSignal !== undefined) detail = 'through the engine by somebody else ("docker kill", "docker rm -f" or a shutdown)'
      // Podman tells of no lack of memory.
      else if (signal === 'SIGKILL' && !this.#ourSignal && memoryLimit !== undefined) detail = `perhaps out of memory, limit ${memoryLimit}`
      return { how: 'killed', signal, ...(detail && { detail }) }
    }
    const warning = code === 0 ? undefined : this.facts.warning()
    const detail = code === notFoundCode ? `image "${this.facts.image}" has no program "node"` : warning
    return { how: 'exited', code, ...(detail && { detail }) }
  }

  #end(exit: Exit): void {
    this.#hasExited = true
    this.#settle(exit)
  }

  /** The streams have ended: an event says why, or the container does. */
  async #searchExit(): Promise<void> {
    await Promise.race([this.exited, pause(eventPatienceMs)])
    const deadline = performance.now() + enginePatienceMs
    while (!this.#hasExited) {
      try {
        const { State } = await this.#client.call<ApiContainer>('GET', `/containers/${this.facts.containerId}/json`, {
          signal: AbortSignal.timeout(2000),
        })
        if (State.Running) {
          // A busy daemon is seconds behind; or the connection broke, and the guard in the container ends the worker soon.
          if (performance.now() > deadline) this.#end(connectionBroke)
        } else if (State.OOMKilled)
          this.#end({ how: 'out-of-memory', ...(this.facts.memoryLimit && { detail: `limit ${this.facts.memoryLimit}` }) })
        else this.#end(this.#plain(State.ExitCode))
      } catch (error) {
        if (isMissing(error)) {
          await Promise.race([this.exited, pause(eventPatienceMs)])
          this.markGone()
          this.#end({ how: 'lost', detail: 'its container is gone and the engine did not say why (was it restarted?)' })
          return
        }
        if (performance.now() > deadline) this.#end({ how: 'lost', detail: connectionError(error, this.#client.endpoint).message })
      }
      if (!this.#hasExited) await pause(250)
    }
  }

  async #readPeak(): Promise<string | undefined> {
    try {
      const { memory_stats: memory } = await readStats(this.#client, this.facts.containerId)
      return memory.max_usage === undefined ? undefined : `${Math.round(memory.max_usage / (1 << 20))} MiB`
    } catch {
      return undefined
    }
  }
}

/** A shell says an end by signal as 128 and its number. */
function signalOf(code: number): string | undefined {
  if (code <= 128) return undefined
  return Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0]
}
