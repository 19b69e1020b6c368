import type { RunEvent } from '../core/events.ts'
import { cutEvent } from './cut-event.ts'
import { throwLater } from './throw-later.ts'
import type { PlainEvent, RunRecord } from './tree-messages.ts'

export type SettledEvent = Pick<Extract<RunEvent, { type: 'settled' }>, 'type' | 'status' | 'attempt' | 'output' | 'error'>
export type CreatedEvent = Omit<Extract<RunEvent, { type: 'created' }>, 'run' | 'seq' | 'at'>
export type UnnumberedEvent = Exclude<PlainEvent, { type: 'created' }> | CreatedEvent | SettledEvent | { readonly type: 'removed' }

/**
 * Gives each event its run, number and time, and tells whoever listens. A listener that throws stops nobody else: it is a bug, which the
 * process tells of as an uncaught exception, and hears nothing more.
 */
export class EventLog {
  readonly #listeners = new Set<(event: RunEvent) => void>()
  /**
   * The runs of which was told that they are there, and not that they are gone: as who listens knows them. In the tree a run, and its caller
   * with it, may be gone by then.
   */
  readonly runs: Map<string, RunRecord> = new Map()
  readonly #numbers = new Map<string, number>()
  readonly #clock: () => number

  constructor(clock: () => number) {
    this.#clock = clock
  }

  subscribe(listener: (event: RunEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  emit(run: RunRecord, event: UnnumberedEvent): void {
    const seq = this.#numbers.get(run.id) ?? 0
    this.#numbers.set(run.id, seq + 1)
    if (event.type === 'created') this.runs.set(run.id, run)
    const place = { run: run.id, seq, at: this.#clock() }
    const whole = event.type === 'log' ? logEvent(event, place) : ({ ...cutEvent(event), ...place } as RunEvent)
    for (const listener of this.#listeners) this.#tell(listener, whole)
    if (event.type !== 'removed') return
    this.#numbers.delete(run.id)
    this.runs.delete(run.id)
  }

  #tell(listener: (event: RunEvent) => void, event: RunEvent): void {
    try {
      listener(event)
    } catch (error) {
      this.#listeners.delete(listener)
      throwLater(error)
    }
  }
}

/** Field by field: lines come by the hundred thousand, and a spread of each is most of what the supervisor does for them. */
function logEvent(
  { attempt, level, stream, text, fields, more }: Extract<PlainEvent, { type: 'log' }>,
  { run, seq, at }: Pick<RunEvent, 'run' | 'seq' | 'at'>,
): RunEvent {
  const event = { type: 'log' as const, attempt, level, stream, text, run, seq, at }
  return fields || more ? { ...event, ...(fields && { fields }), ...(more && { more }) } : event
}
