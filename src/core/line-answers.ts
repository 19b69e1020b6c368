/** The answering end of a line: runs the methods that the other end calls. */
import { CowaitError } from './errors.ts'
import { encodeError, summarize } from './error-wire.ts'
import type { ErrorCode } from './events.ts'
import { ItemWriter } from './item-writer.ts'
import type { LineMessage, SendLine } from './line.ts'
import { cleanStack } from './stack-text.ts'
import type { Encoded } from './value.ts'
import { decode } from './values/decode.ts'
import { encode } from './values/encode.ts'

export type LineQuestion = Extract<LineMessage, { type: 'rpc' | 'want' | 'leave' }>

export interface LineAnswersOptions {
  readonly send: SendLine
  /** The method of that name; undefined for what may not be called. */
  readonly method: (name: string) => ((...args: unknown[]) => unknown) | undefined
  /** Says that there is no such method. */
  readonly missing: (name: string) => string
  /** Runs a method's code where its own calls belong. */
  readonly within: <T>(body: () => T) => T
}

interface OpenStream {
  readonly writer: ItemWriter
  readonly end: AbortController
}

export class LineAnswers {
  readonly #options: LineAnswersOptions
  readonly #streams = new Map<number, OpenStream>()
  #isClosed = false

  constructor(options: LineAnswersOptions) {
    this.#options = options
  }

  receive(message: LineQuestion): void {
    if (this.#isClosed) return
    switch (message.type) {
      case 'rpc':
        return void this.#answer(message)
      case 'want':
        return this.#streams.get(message.call)?.writer.want(message.items)
      case 'leave':
        return this.#streams.get(message.call)?.end.abort(new Error('its reader has left'))
      default:
        message satisfies never
    }
  }

  /** Who asked so far has ended: nobody reads the streams that it asked for. */
  pause(): void {
    for (const { end } of this.#streams.values()) end.abort(new Error('the attempt that read it has ended'))
  }

  /** Nothing is answered any more; streams end. */
  close(): void {
    this.#isClosed = true
    for (const { end } of this.#streams.values()) end.abort(new Error('the run has ended'))
  }

  async #answer({ call, method, value }: Extract<LineMessage, { type: 'rpc' }>): Promise<void> {
    try {
      const result = await this.#invoke(method, decode(value) as unknown[])
      const output = isStream(result) ? await this.#stream(call, method, result) : result
      this.#send({ type: 'rpc-result', call, status: 'done', value: encode(output, `result of ${method}()`) })
    } catch (error) {
      cleanStack(error)
      const code: ErrorCode = error instanceof CowaitError ? error.code : 'TASK_FAILED'
      this.#send({ type: 'rpc-result', call, status: 'failed', error: { code, ...summarize(error) }, value: encodeError(error) })
    } finally {
      this.#streams.delete(call)
    }
  }

  async #invoke(name: string, args: unknown[]): Promise<unknown> {
    const { method, missing, within } = this.#options
    const found = method(name)
    if (!found) throw new CowaitError('NO_HANDLER', missing(name))
    return await within(() => found(...args))
  }

  async #stream(call: number, method: string, items: AsyncIterable<unknown>): Promise<undefined> {
    const end = new AbortController()
    const send = (count: number, value: Encoded): void => this.#send({ type: 'items', call, count, value })
    const writer = new ItemWriter({ label: `item of ${method}()`, credit: 0, send, signal: end.signal })
    this.#streams.set(call, { writer, end })
    this.#send({ type: 'rpc-stream', call })
    await this.#options.within(() => writer.write(items))
    return undefined
  }

  #send(message: LineMessage): void {
    if (!this.#isClosed) this.#options.send(message)
  }
}

function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
