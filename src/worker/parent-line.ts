/** The run's own end of its line: its caller's handlers, its methods, and what it yields. */
import { captureFrames } from '../core/caller-line.ts'
import type { TaskBody } from '../core/definition.ts'
import { CowaitError } from '../core/errors.ts'
import { summarize } from '../core/error-wire.ts'
import { ItemWriter } from '../core/item-writer.ts'
import { callsBefore, ITEM_WINDOW, YIELDS, type LineMessage } from '../core/line.ts'
import { LineAnswers } from '../core/line-answers.ts'
import { LineCalls } from '../core/line-calls.ts'
import { isError } from '../core/reason-text.ts'
import { currentScope } from '../core/scope.ts'
import type { Bodies } from '../protocol/bodies.ts'
import { lineOf, loseLine, sendLine } from '../protocol/line-frames.ts'
import type { Down, LineFrame, Up } from '../protocol/messages.ts'
import { Turns } from '../protocol/turns.ts'
import type { IncomingValue } from '../protocol/values.ts'

export interface ParentLineOptions {
  readonly run: string
  readonly attempt: number
  readonly bodies: Bodies<Down, Up>
  readonly handlers: readonly string[]
  readonly within: <T>(body: () => T) => T
}

export class ParentLine {
  /** What `ctx.parent` is. */
  readonly parent: object
  readonly #options: ParentLineOptions
  readonly #calls: LineCalls
  readonly #answers: LineAnswers
  readonly #turns = new Turns()
  /** Handlers that were looked for and are not there. */
  readonly #missing = new Set<string>()
  #body: TaskBody | undefined
  /** What came before the function was called. */
  #early: LineMessage[] = []
  #writer: ItemWriter | undefined
  /** Aborts when items cannot be sent. */
  readonly #broken = new AbortController()

  constructor(options: ParentLineOptions) {
    const { run, attempt, handlers, within } = options
    this.#options = options
    const send = (message: LineMessage): void => this.#send(message)
    this.#calls = new LineCalls({ send, peer: `the caller of ${run}`, errors: [], isOpen: true, after: callsBefore(attempt) })
    this.#answers = new LineAnswers({
      send,
      within,
      method: (name) => this.#body?.method(name),
      missing: (name) => `${run} has no method ${JSON.stringify(name)} that its caller may call: declare it in rpc.`,
    })
    this.parent = this.#parentProxy(handlers)
  }

  /** The function has been called: the run's methods may be called from now on. */
  open(body: TaskBody): void {
    this.#body = body
    for (const message of this.#early.splice(0)) this.#handle(message)
  }

  receive(frame: LineFrame, value: IncomingValue | undefined): void {
    this.#turns.add(
      value?.read(),
      (encoded) => this.#handle(lineOf(frame, encoded)),
      (error) =>
        loseLine(
          frame,
          error,
          (message) => this.#handle(message),
          (message) => this.#send(message),
        ),
    )
  }

  /** Sends what the function yields, as far as the reader wants it. Resolves with what it returns; throws if an item cannot be sent. */
  async stream(items: AsyncIterable<unknown>, signal: AbortSignal): Promise<unknown> {
    const send = (count: number, value: Extract<LineMessage, { type: 'items' }>['value']): void =>
      this.#send({ type: 'items', call: YIELDS, count, value })
    const broken = this.#broken.signal
    this.#writer = new ItemWriter({ label: 'yield', credit: ITEM_WINDOW, send, signal: AbortSignal.any([signal, broken]) })
    const returned = await this.#writer.write(items)
    broken.throwIfAborted()
    return returned
  }

  /** The function has ended. */
  close(): void {
    this.#answers.close()
    this.#calls.close(() => new Error(`${this.#options.run} has ended`))
  }

  /** Calling a handler that is not there is told as what it is. */
  explain(thrown: unknown): unknown {
    const said = isError(thrown) && thrown instanceof TypeError ? summarize(thrown).message : ''
    const [, name = ''] = /(?:^|\.)([\w$]+) is not a function$/.exec(said) ?? []
    if (!this.#missing.has(name)) return thrown
    const { run } = this.#options
    const message = `The caller of ${run} has no handler ${JSON.stringify(name)}: call the task from another one, with handlers: { ${name}: ... }.`
    return new CowaitError('NO_HANDLER', message, { cause: thrown })
  }

  #handle(message: LineMessage): void {
    if (!this.#body) return void this.#early.push(message)
    switch (message.type) {
      case 'want':
        if (message.call === YIELDS) return this.#writer?.want(message.items)
        return this.#answers.receive(message)
      case 'rpc':
      case 'leave':
        return this.#answers.receive(message)
      case 'rpc-stream':
      case 'rpc-result':
      case 'items':
        return this.#calls.receive(message)
      default:
        message satisfies never
    }
  }

  #send(message: LineMessage): void {
    const { bodies, run } = this.#options
    sendLine(bodies, { run }, message, (told, error) => {
      if (told.call === YIELDS) this.#broken.abort(error)
      else this.#handle(told)
    })
  }

  #parentProxy(handlers: readonly string[]): object {
    return new Proxy(Object.create(null) as object, {
      get: (_, name) => {
        if (typeof name !== 'string') return undefined
        if (!handlers.includes(name)) return void this.#missing.add(name)
        const method = (...args: unknown[]): unknown => this.#calls.call(name, args, captureFrames(method), currentScope()?.signal)
        return method
      },
      has: (_, name) => typeof name === 'string' && handlers.includes(name),
    })
  }
}
