import { UsageError } from './errors.ts'
import type { LogLevel, LogStream, RunEvent, Status } from './events.ts'
import { nearest } from './nearest.ts'
import { show } from './show.ts'
import { taskName } from './task-name.ts'

/** One line that a run printed or logged. */
export interface LogRecord {
  readonly ts: Date
  /** The run's id. */
  readonly id: string
  readonly level: LogLevel
  readonly stream: LogStream
  readonly text: string
  readonly fields?: object
}

/** What `run.on` tells. */
export interface RunEvents {
  status: Status
  log: LogRecord
  progress: { readonly value: number; readonly total?: number; readonly message?: string }
  /** The number of an attempt that begins. */
  attempt: number
  /** A run that this run has called. */
  child: { readonly id: string; readonly name: string; readonly task: string }
}

export interface LogsOptions {
  /** Goes on until the run has ended, unless false: then only what was printed so far. */
  follow?: boolean | undefined
  /** Also the lines of everything below the run. */
  tree?: boolean | undefined
}

type LogEvent = Extract<RunEvent, { type: 'log' }>
type Listener = (event: RunEvents[keyof RunEvents]) => void
const names: readonly (keyof RunEvents)[] = ['status', 'log', 'progress', 'attempt', 'child']

/** Who listens to a run. Events leave the supervisor only for runs that somebody watches. */
export class RunWatch {
  readonly #id: string
  readonly #ask: (tree: boolean) => unknown
  readonly #listeners = new Set<{ readonly name: keyof RunEvents; readonly tell: Listener }>()
  readonly #readers = new Set<LogReader>()
  #asked: 'nothing' | 'own' | 'tree' = 'nothing'
  #attempt = 0
  /** The number of the latest line that its listeners heard: older ones are told again to who begins to read. */
  #heard = -1
  #hasEnded = false

  /** `ask` asks the supervisor for the events of this run, or of everything below it too. */
  constructor(id: string, ask: (tree: boolean) => unknown) {
    this.#id = id
    this.#ask = ask
  }

  on<E extends keyof RunEvents>(name: E, tell: (event: RunEvents[E]) => void): Disposable {
    if (!names.includes(name)) {
      const meant = nearest(String(name), names)
      throw new UsageError(
        `run.on(): there is no event ${show(name)}; ${meant ? `did you mean ${show(meant)}?` : `there are ${names.join(', ')}`}`,
      )
    }
    const listener = { name, tell: tell as Listener }
    this.#listeners.add(listener)
    if (!this.#hasEnded && (name === 'log' || name === 'progress' || name === 'child')) this.#watch(name === 'child')
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  logs({ follow = true, tree = false }: LogsOptions = {}): AsyncIterable<LogRecord> {
    const reader = new LogReader({ run: tree ? undefined : this.#id, follow, leave: () => void this.#readers.delete(reader) })
    this.#readers.add(reader)
    this.#watch(tree, true)
    return { [Symbol.asyncIterator]: () => reader }
  }

  status(status: Status, attempt: number): void {
    if (attempt !== this.#attempt) this.#emit('attempt', (this.#attempt = attempt))
    this.#emit('status', status)
  }

  receive(event: RunEvent | undefined): void {
    if (!event) {
      for (const reader of this.#readers) reader.present(this.#hasEnded)
      return
    }
    if (event.type === 'log') return this.#log(event)
    if (event.type === 'created' && event.parent === this.#id)
      return this.#emit('child', { id: event.run, name: event.name, task: taskName(event.task) })
    if (event.type === 'progress' && event.run === this.#id) {
      const { value, total, message } = event
      this.#emit('progress', { value, ...(total === undefined ? {} : { total }), ...(message === undefined ? {} : { message }) })
    }
  }

  /** The run has ended: nothing more is told but its past, to who has asked for that. */
  end(): void {
    this.#hasEnded = true
    for (const reader of this.#readers) reader.end()
  }

  #watch(tree: boolean, again = false): void {
    if (!again && (this.#asked === 'tree' || (this.#asked === 'own' && !tree))) return
    this.#asked = tree || this.#asked === 'tree' ? 'tree' : 'own'
    this.#ask(this.#asked === 'tree')
  }

  #log(event: LogEvent): void {
    for (const reader of this.#readers) reader.push(event)
    if (event.run !== this.#id || this.#hasEnded || event.seq <= this.#heard) return
    this.#heard = event.seq
    this.#emit('log', recordOf(event))
  }

  #emit<E extends keyof RunEvents>(name: E, event: RunEvents[E]): void {
    for (const listener of this.#listeners) {
      if (listener.name !== name) continue
      try {
        listener.tell(event)
      } catch (error) {
        // As from any other callback: it fails the task that listens, not the run that is listened to.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}

function recordOf({ run, at, level, stream, text, fields }: LogEvent): LogRecord {
  return { ts: new Date(at), id: run, level, stream, text, ...(fields ? { fields } : {}) }
}

interface LogReaderOptions {
  /** Only this run's lines. */
  readonly run: string | undefined
  readonly follow: boolean
  readonly leave: () => void
}

/** Lines on their way to one `for await`. */
class LogReader implements AsyncIterator<LogRecord> {
  readonly #options: LogReaderOptions
  /** Until the past is told: what came before it is told again with it. */
  #past: LogEvent[] | undefined = []
  /** The number of the latest line of each run. */
  readonly #latest = new Map<string, number>()
  #records: LogRecord[] = []
  #hasEnded = false
  #wake: (() => void) | undefined

  constructor(options: LogReaderOptions) {
    this.#options = options
  }

  push(event: LogEvent): void {
    if (this.#hasEnded || (this.#options.run !== undefined && event.run !== this.#options.run)) return
    if (this.#past) return void this.#past.push(event)
    if (event.seq <= (this.#latest.get(event.run) ?? -1)) return
    this.#latest.set(event.run, event.seq)
    this.#records.push(recordOf(event))
    this.#wake?.()
  }

  /** All that was printed so far has been told. */
  present(hasEnded: boolean): void {
    this.#tellPast()
    if (hasEnded || !this.#options.follow) this.end()
  }

  /** Nothing more comes, once the past is told. */
  end(): void {
    if (this.#past) return
    this.#hasEnded = true
    this.#wake?.()
  }

  #tellPast(): void {
    const past = this.#past?.toSorted((a, b) => a.at - b.at || a.seq - b.seq) ?? []
    this.#past = undefined
    for (const event of past) this.push(event)
  }

  async next(): Promise<IteratorResult<LogRecord, undefined>> {
    while (this.#records.length === 0 && !this.#hasEnded) await new Promise<void>((resolve) => (this.#wake = resolve))
    const value = this.#records.shift()
    return value ? { done: false, value } : { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<LogRecord, undefined>> {
    this.#records = []
    this.#past = undefined
    this.end()
    this.#options.leave()
    return { done: true, value: undefined }
  }
}
