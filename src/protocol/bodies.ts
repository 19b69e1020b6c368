import { ProtocolError } from '../core/errors.ts'
import type { Encoded } from '../core/value.ts'
import type { Channel } from './channel.ts'
import { cutSummary } from './cut-summary.ts'
import { MAX_BODY_BYTES } from './frames.ts'
import { IncomingValues, tooLarge } from './incoming.ts'
import type { Both, Down, Up, ValueHeader } from './messages.ts'
import { OutgoingValues } from './outgoing.ts'
import { memorySink, memorySource, type IncomingValue, type Sink, type Source } from './values.ts'

export const MAX_VALUE_BYTES: number = 1024 * 1024 * 1024
/** While this much waits to leave, small values take their turn with the large ones instead of making it more. */
const CONGESTED_BYTES = 1024 * 1024

type Without<M, Field> = { [K in keyof M as K extends Field ? never : K]: M[K] }

/** A message that carries a value, with the value itself where the header will stand. */
export type Carrying<M> = M extends { readonly type: 'run' | 'call' }
  ? Without<M, 'input'> & { readonly input: Encoded | Source }
  : M extends { readonly type: 'settled' | 'done' | 'fail' | 'may-retry' | 'rpc' | 'rpc-result' | 'items' }
    ? Without<M, 'value'> & { readonly value: Encoded | Source }
    : never

export interface BodiesOptions {
  /** The largest value in either direction; 1 GiB unless told. */
  readonly maxValueBytes?: number
}

/**
 * Values over a channel: small ones inside the frame that announces them, large ones in chunks under credit, so that neither a
 * large value nor a slow reader holds back anything else. One for each channel, started in its place.
 */
export class Bodies<In extends Up | Down, Out extends Up | Down> {
  readonly #channel: Channel<In | Both, Out | Both>
  readonly #incoming: IncomingValues
  readonly #outgoing: OutgoingValues
  readonly #maxValueBytes: number
  #lastStream = 0

  constructor(channel: Channel<In | Both, Out | Both>, options: BodiesOptions = {}) {
    this.#channel = channel
    this.#maxValueBytes = options.maxValueBytes ?? MAX_VALUE_BYTES
    const send = (message: Both, body?: Uint8Array): void => channel.send(message, body)
    this.#incoming = new IncomingValues({ send, maxValueBytes: this.#maxValueBytes })
    this.#outgoing = new OutgoingValues({ send, bufferedBytes: () => channel.bufferedBytes })
    channel.onWritten(() => this.#outgoing.pump())
    void channel.closed.then((fault) => {
      if (this.#incoming.isIdle && this.#outgoing.isIdle) return
      const error = endedError(fault)
      this.#incoming.close(error)
      this.#outgoing.close(error)
    })
  }

  /** Starts the channel. The handler gets its messages in order, and with a message the value that it announces. */
  start(handler: (message: In, value: IncomingValue | undefined) => void): void {
    this.#channel.start((message: In | Both, body) => {
      if (isAboutStreams(message)) this.#receive(message, body)
      else this.#handle(message as In, body, handler)
    })
  }

  /** Never throws, as the channel's own `send`. An error's summary is cut to what a frame can carry. */
  send(message: Out): void {
    this.#channel.send(withCutSummary(message))
  }

  /**
   * Sends a message with its value: the message now, in the order of all sends, and the value in it or after it. Until the promise
   * resolves the source is needed and must not change. It resolves when the last byte is on its way; with an error, when the
   * receiver does not want the rest, the source cannot be read (the receiver is told) or the channel has ended. It rejects, and
   * nothing is sent, for a value that is too large: a `NotSerializableError` with the code PAYLOAD_TOO_LARGE.
   */
  async sendValue(message: Carrying<Out>): Promise<Error | undefined> {
    const slot = 'input' in message ? 'input' : 'value'
    const value: Encoded | Source = 'input' in message ? message.input : message.value
    const source = 'textBytes' in value ? memorySource(value) : value
    const { format, text, size, data } = source
    const refusal = this.refusal(message.run, size)
    if (refusal) throw refusal
    if (this.#channel.isClosed) return endedError(undefined)
    const isInline = data !== undefined && size <= MAX_BODY_BYTES && this.#channel.bufferedBytes < CONGESTED_BYTES
    const header: ValueHeader = { format, text, size, ...(isInline ? {} : { stream: ++this.#lastStream }) }
    this.#channel.send(withCutSummary({ ...message, [slot]: header } as unknown as Out), isInline ? data : undefined)
    return header.stream === undefined ? undefined : this.#outgoing.add(message.run, header.stream, source)
  }

  /** Why a value of that size cannot be sent, if so. */
  refusal(run: string, size: number): Error | undefined {
    return size > this.#maxValueBytes ? tooLarge(run, size, this.#maxValueBytes) : undefined
  }

  /** Drops what is under way for a run, in both directions: what was taken rejects with `error`, and the other end is told. */
  cancelRun(run: string, error: Error): void {
    this.#outgoing.drop(run, error)
    this.#incoming.drop(run, error)
  }

  #receive(message: Both, body: Uint8Array): void {
    switch (message.type) {
      case 'chunk':
        return this.#incoming.chunk(message, body)
      case 'credit':
        return this.#outgoing.credit(message.run, message.stream, message.bytes)
      case 'stop':
        return this.#outgoing.stop(message.run, message.stream)
      default:
        message satisfies never
    }
  }

  #handle(message: In, body: Uint8Array, handler: (message: In, value: IncomingValue | undefined) => void): void {
    const announced = announcedBy(message)
    if (!announced) return handler(message, undefined)
    const { run, header } = announced
    const { stream } = header
    if (stream === undefined) return handler(message, inlineValue(run, header, body))
    const announcement = this.#incoming.announce(run, stream, header)
    const take = <T>(sink: Sink<T>): Promise<T> => ignorable(announcement.take(sink))
    handler(message, { header, read: () => take(memorySink(header)), readInto: take })
    announcement.settle()
  }
}

function withCutSummary<M extends Up | Down>(message: M): M {
  return 'error' in message && message.error ? { ...message, error: cutSummary(message.error) } : message
}

function isAboutStreams(message: Up | Down | Both): message is Both {
  return message.type === 'chunk' || message.type === 'credit' || message.type === 'stop'
}

function announcedBy(message: Up | Down): { run: string; header: ValueHeader } | undefined {
  switch (message.type) {
    case 'run':
    case 'call':
      return { run: message.run, header: message.input }
    case 'done':
    case 'fail':
    case 'rpc':
    case 'items':
      return { run: message.run, header: message.value }
    case 'settled':
    case 'may-retry':
    case 'rpc-result':
      return message.value && { run: message.run, header: message.value }
    default:
      return undefined
  }
}

function inlineValue(run: string, header: ValueHeader, body: Uint8Array): IncomingValue {
  if (body.length !== header.size) {
    throw new ProtocolError(`A value of run "${run}" is announced with ${header.size} bytes, and its frame has ${body.length}.`)
  }
  const take = <T>(sink: Sink<T>): Promise<T> => ignorable(fill(sink, body))
  return { header, read: () => take(memorySink(header)), readInto: take }
}

async function fill<T>(sink: Sink<T>, body: Uint8Array): Promise<T> {
  try {
    if (body.length > 0) await sink.write(body)
    return await sink.end()
  } catch (error) {
    await sink.abort(error instanceof Error ? error : new Error(String(error)))
    throw error
  }
}

function endedError(cause: Error | undefined): Error {
  return new ProtocolError('The channel ended before the value had arrived.', cause ? { cause } : {})
}

function ignorable<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
