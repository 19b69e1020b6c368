/** A run's line as its caller holds it: the run's methods, the caller's handlers, and what the run yields. */
import type { Caller } from './caller.ts'
import type { TaskDefinition } from './definition.ts'
import { CowaitError } from './errors.ts'
import { ItemReader } from './item-reader.ts'
import { YIELDS, type LineMessage } from './line.ts'
import { LineAnswers } from './line-answers.ts'
import { LineCalls } from './line-calls.ts'
import { captureFrames } from './caller-line.ts'
import { readItems } from './read-items.ts'

type Method = (...args: unknown[]) => unknown

export interface RunLineOptions {
  readonly id: string
  readonly caller: Caller
  readonly definition: TaskDefinition
  readonly handlers: Readonly<Record<string, Method | undefined>>
  readonly within: <T>(body: () => T) => T
  /** The reader of the stream has left before its end. */
  readonly leave: () => Promise<void>
}

export class RunLine {
  readonly #calls: LineCalls
  readonly #answers: LineAnswers
  readonly #reader: ItemReader
  #reading: 'not yet' | 'read' | 'drained' = 'not yet'

  constructor({ id, caller, definition, handlers, within, leave }: RunLineOptions) {
    const send = (message: LineMessage): void => caller.line(id, message)
    this.#calls = new LineCalls({ send, peer: id, errors: definition.errors ?? [], isOpen: false })
    this.#answers = new LineAnswers({
      send,
      within,
      method: (name) => (Object.hasOwn(handlers, name) ? handlers[name] : undefined),
      missing: (name) => `The caller of ${id} has no handler ${JSON.stringify(name)}: pass handlers: { ${name}: ... } with the call.`,
    })
    this.#reader = new ItemReader((items) => send({ type: 'want', call: YIELDS, items }), leave)
    this.rpc = methodsProxy(this.#calls, definition.methods)
  }

  /** What `run.rpc` is. */
  readonly rpc: object

  receive(message: LineMessage): void {
    switch (message.type) {
      case 'rpc':
      case 'want':
      case 'leave':
        return this.#answers.receive(message)
      case 'items':
        if (message.call === YIELDS) return this.#push(message)
        return this.#calls.receive(message)
      case 'rpc-stream':
      case 'rpc-result':
        return this.#calls.receive(message)
      default:
        message satisfies never
    }
  }

  #push(message: Extract<LineMessage, { type: 'items' }>): void {
    try {
      this.#reader.push(readItems(message))
    } catch (error) {
      this.#reader.end(error as Error)
    }
  }

  /** The run's function is about to start. */
  running(): void {
    this.#calls.open()
  }

  /** An attempt has ended, another one will be made. */
  paused(attempt: number): void {
    this.#calls.pause(new Error(`attempt ${attempt} of the run has ended`))
    this.#answers.pause()
  }

  /** The run has ended; `error` is how, if not well. */
  ended(id: string, error: Error | undefined): void {
    this.#calls.close(() => error ?? new CowaitError('RPC_CLOSED', `${id} has ended`))
    this.#answers.close()
    this.#reader.end(error)
  }

  /** The items, once. */
  read(id: string): AsyncIterator<unknown> {
    if (this.#reading !== 'not yet') {
      const why = this.#reading === 'read' ? 'it is read already' : 'awaiting the run has drained it: read first, then await'
      throw new TypeError(`The stream of ${id} can be read once, and ${why}.`)
    }
    this.#reading = 'read'
    return this.#reader
  }

  /** Somebody waits for the output: items that nobody reads must not hold the run back. */
  drainUnlessRead(): void {
    if (this.#reading !== 'not yet') return
    this.#reading = 'drained'
    this.#reader.drain()
  }
}

/** A name that is not declared gives undefined; where the names are not known here the run itself refuses it. */
function methodsProxy(calls: LineCalls, names: readonly string[] | undefined): object {
  return new Proxy(Object.create(null) as object, {
    get(_, name) {
      if (typeof name !== 'string' || (names ? !names.includes(name) : name === 'then')) return undefined
      const method = (...args: unknown[]): unknown => calls.call(name, args, captureFrames(method))
      return method
    },
    has: (_, name) => typeof name === 'string' && (names?.includes(name) ?? name !== 'then'),
  })
}
