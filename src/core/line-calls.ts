/** The asking end of a line: calls of the other end's methods, and the streams that they give. */
import { onAbort } from './abort.ts'
import { withStack } from './call-error.ts'
import { CowaitError } from './errors.ts'
import { decodeError, type ErrorClass } from './error-wire.ts'
import { listedErrors } from './listed-errors.ts'
import { ItemReader } from './item-reader.ts'
import { ITEM_WINDOW, MAX_OPEN_CALLS, type LineMessage, type SendLine } from './line.ts'
import { readItems } from './read-items.ts'
import { userFrames } from './stack-text.ts'
import { decode } from './values/decode.ts'
import { encode } from './values/encode.ts'

export type LineAnswer = Extract<LineMessage, { type: 'rpc-result' | 'rpc-stream' | 'items' }>

/** A promise of the result; for a method that streams, an `AsyncIterable` of its items as well. */
export type LineCall = Promise<unknown> & AsyncIterable<unknown>

export interface LineCallsOptions {
  readonly send: SendLine
  /** Who answers, for messages: a run's id, or `the caller of sleep-1`. */
  readonly peer: string
  readonly errors: readonly ErrorClass[]
  /** The other end answers already; else calls wait for `open`. */
  readonly isOpen: boolean
  /** The number before that of the first call; 0 unless told. */
  readonly after?: number
}

interface OpenCall {
  readonly method: string
  readonly callStack: string
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
  /** Sends it, once. */
  readonly begin: () => void
  reader?: ItemReader
}

export class LineCalls {
  readonly #options: LineCallsOptions
  readonly #open = new Map<number, OpenCall>()
  /** Calls that wait for the other end. */
  readonly #held = new Map<number, OpenCall>()
  /** How to stop listening to the signal of each that has one. */
  readonly #whenSettled = new Map<number, () => void>()
  #last: number
  #isOpen: boolean
  #closed: (() => Error) | undefined

  constructor(options: LineCallsOptions) {
    this.#options = options
    this.#isOpen = options.isOpen
    this.#last = options.after ?? 0
  }

  /** Never throws: a call that cannot be made rejects, and so does one that is in flight when the signal aborts. */
  call(method: string, args: readonly unknown[], callStack: string, signal?: AbortSignal): LineCall {
    const call = ++this.#last
    const promise = new Promise<unknown>((resolve, reject) => {
      const refuse = (error: Error): void => reject(withStack(error, callStack))
      if (this.#closed) return refuse(closedError(method, this.#closed()))
      if (this.#open.size + this.#held.size >= MAX_OPEN_CALLS) return refuse(this.#tooMany(method))
      try {
        const value = encode(args, `arguments of ${method}()`)
        const begin = (): void => this.#options.send({ type: 'rpc', call, method, value })
        const entry = { method, callStack, resolve, reject, begin }
        if (this.#isOpen) this.#begin(call, entry)
        else this.#held.set(call, entry)
      } catch (error) {
        refuse(error as Error)
      }
    })
    if (signal && !signal.aborted && this.#open.has(call)) this.#endWith(signal, call, promise)
    return Object.assign(promise, { [Symbol.asyncIterator]: () => iterateLater(promise, method) })
  }

  /** The other end answers from now on. */
  open(): void {
    this.#isOpen = true
    for (const [call, entry] of this.#held) this.#begin(call, entry)
    this.#held.clear()
  }

  /** What was asked will not be answered; what is asked from now on waits for `open`. */
  pause(cause: Error): void {
    this.#isOpen = false
    this.#failOpen(cause)
  }

  /** Every run's line closes and hardly any is asked afterwards, so the cause is only made for who asks. */
  close(cause: () => Error): void {
    this.#closed ??= cause
    if (this.#open.size > 0) this.#failOpen(cause())
    for (const entry of this.#held.values()) entry.reject(withStack(closedError(entry.method, cause()), entry.callStack))
    this.#held.clear()
  }

  receive(message: LineAnswer): void {
    const entry = this.#open.get(message.call)
    if (!entry) return
    try {
      this.#handle(entry, message)
    } catch (error) {
      this.#settle(message.call, entry, error as Error)
    }
  }

  #handle(entry: OpenCall, message: LineAnswer): void {
    const { call } = message
    switch (message.type) {
      case 'rpc-stream':
        return this.#startStream(call, entry)
      case 'items':
        return entry.reader?.push(readItems(message))
      case 'rpc-result':
        if (message.status === 'failed') return this.#settle(call, entry, this.#errorOf(entry, message))
        if (!entry.reader) entry.resolve(decode(message.value))
        return this.#settle(call, entry)
      default:
        message satisfies never
    }
  }

  #begin(call: number, entry: OpenCall): void {
    this.#open.set(call, entry)
    entry.begin()
  }

  /** Nobody can be expected to listen to a call that its own end took back. */
  #endWith(signal: AbortSignal, call: number, promise: Promise<unknown>): void {
    const stop = onAbort(signal, () => {
      const entry = this.#open.get(call)
      if (!entry) return
      promise.catch(() => undefined)
      this.#options.send({ type: 'leave', call })
      this.#settle(call, entry, signal.reason as Error)
    })
    this.#whenSettled.set(call, stop)
  }

  #startStream(call: number, entry: OpenCall): void {
    const { send } = this.#options
    const reader = (entry.reader = new ItemReader(
      (items) => send({ type: 'want', call, items }),
      () => {
        this.#forget(call)
        send({ type: 'leave', call })
      },
    ))
    let hasBegun = false
    entry.resolve({
      [Symbol.asyncIterator]: () => {
        if (hasBegun) throw new TypeError(`The stream of ${entry.method}() can be read once.`)
        hasBegun = true
        send({ type: 'want', call, items: ITEM_WINDOW })
        return reader
      },
    })
  }

  #settle(call: number, entry: OpenCall, error?: Error): void {
    this.#forget(call)
    if (error) entry.reject(error)
    entry.reader?.end(error)
  }

  #forget(call: number): void {
    this.#open.delete(call)
    this.#whenSettled.get(call)?.()
    this.#whenSettled.delete(call)
  }

  #failOpen(cause: Error): void {
    for (const [call, entry] of this.#open) this.#settle(call, entry, withStack(closedError(entry.method, cause), entry.callStack))
  }

  #tooMany(method: string): CowaitError {
    return new CowaitError(
      'LIMIT_EXCEEDED',
      `${method}() was not called: ${MAX_OPEN_CALLS} calls to ${this.#options.peer} have no answer yet. Await them before you make more.`,
    )
  }

  #errorOf({ method, callStack }: OpenCall, { error, value }: Extract<LineMessage, { type: 'rpc-result'; status: 'failed' }>): Error {
    if (error.code === 'NO_HANDLER' || error.code === 'RPC_CLOSED' || error.code === 'LIMIT_EXCEEDED')
      return withStack(new CowaitError(error.code, error.message), callStack)
    const thrown = value ? decodeError(value, listedErrors(this.#options.errors)) : new Error(`${method}() failed: ${error.message}`)
    return withStack(thrown, [callStack, ...userFrames(thrown.stack ?? '')].filter((part) => part !== '').join('\n'))
  }
}

function closedError(method: string, cause: Error): CowaitError {
  return new CowaitError('RPC_CLOSED', `${method}() was not answered: ${cause.message}`, { cause })
}

/** The items of a call whose answer has not arrived yet. */
function iterateLater(call: Promise<unknown>, method: string): AsyncIterator<unknown> {
  call.catch(() => undefined)
  const inner = call.then((result) => {
    const iterable = result as AsyncIterable<unknown> | null
    if (typeof iterable === 'object' && iterable !== null && Symbol.asyncIterator in iterable) return iterable[Symbol.asyncIterator]()
    throw new TypeError(`${method}() gives one value, not a stream: await it instead of reading it with for await.`)
  })
  inner.catch(() => undefined)
  return {
    next: async () => await (await inner).next(),
    return: async () => (await (await inner).return?.()) ?? { done: true, value: undefined },
  }
}
