/**
 * What the engine says about our containers: one `/events` stream for all of them, opened again when it drops. Auto-remove wipes a
 * container within 20 ms of its end, so this is where the cause of an end comes from.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { ApiEvent } from './api-types.ts'
import type { DockerClient } from './docker-client.ts'
import { label } from './labels.ts'

export interface ContainerEvent {
  readonly container: string
  readonly action: 'oom' | 'kill' | 'die' | 'destroy'
  readonly exitCode?: number
  readonly signal?: number
}

const actions = ['oom', 'kill', 'die', 'destroy'] as const
/** Podman tells events by Docker's names, but filters them by its own. */
const filtered = [...actions, 'died', 'remove']
const longestPauseMs = 2000

export class EventStream {
  readonly #client: DockerClient
  readonly #owner: string
  readonly #listen: (event: ContainerEvent) => void
  readonly #closed = new AbortController()
  #opened: Promise<void> | undefined
  #reading: Promise<void> | undefined
  /** Where to go on after a drop: the engine's own clock. */
  #since = ''

  constructor(client: DockerClient, owner: string, listen: (event: ContainerEvent) => void) {
    this.#client = client
    this.#owner = owner
    this.#listen = listen
  }

  /** Resolves when the engine tells what happens from now on. */
  open(): Promise<void> {
    this.#opened ??= new Promise((resolve, reject) => {
      this.#reading = this.#read(resolve, reject)
    })
    // A failed first try is not the last one: the engine may come back.
    this.#opened.catch(() => (this.#opened = undefined))
    return this.#opened
  }

  async close(): Promise<void> {
    this.#closed.abort()
    await this.#reading
  }

  async #read(opened: () => void, failed: (error: unknown) => void): Promise<void> {
    const { signal } = this.#closed
    let pauseMs = 50
    let isFirst = true
    while (!signal.aborted) {
      try {
        const filters = JSON.stringify({ type: ['container'], event: filtered, label: [`${label.owner}=${this.#owner}`] })
        const query = { filters, ...(this.#since && { since: this.#since }) }
        const response = await this.#client.stream('GET', '/events', { query, signal })
        opened()
        isFirst = false
        pauseMs = 50
        let rest = ''
        for await (const chunk of response.setEncoding('utf8')) {
          const lines = (rest + String(chunk)).split('\n')
          rest = lines.pop() ?? ''
          for (const line of lines) if (line.trim() !== '') this.#take(JSON.parse(line) as ApiEvent)
        }
      } catch (error) {
        if (signal.aborted) return
        if (isFirst) {
          failed(error)
          return
        }
      }
      await pause(pauseMs, undefined, { signal }).catch(() => {})
      pauseMs = Math.min(pauseMs * 2, longestPauseMs)
    }
  }

  #take({ Action, Actor, timeNano }: ApiEvent): void {
    if (timeNano !== undefined) this.#since = sinceOf(timeNano)
    const action = actions.find((known) => known === Action) ?? (Action === 'died' ? 'die' : Action === 'remove' ? 'destroy' : undefined)
    if (action === undefined) return
    const { exitCode, containerExitCode, signal } = Actor.Attributes ?? {}
    const code = exitCode ?? containerExitCode
    this.#listen({
      container: Actor.ID,
      action,
      ...(code !== undefined && { exitCode: Number(code) }),
      ...(signal !== undefined && { signal: Number(signal) }),
    })
  }
}

/** Seconds and a fraction, as the engine takes them. A JSON number has lost the last digits of the nanoseconds, so an event may come twice. */
function sinceOf(timeNano: number): string {
  const seconds = Math.floor(timeNano / 1e9)
  return `${seconds}.${String(Math.floor((timeNano - seconds * 1e9) / 1000) * 1000).padStart(9, '0')}`
}
