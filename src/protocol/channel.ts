import type { Duplex } from 'node:stream'
import { ProtocolError } from '../core/errors.ts'
import { encodeHeader, FrameParser, type RawMessage } from './frames.ts'
import { writeTogether } from './write-together.ts'

/** What may arrive before `start`. */
const MAX_EARLY_BYTES = 4 * 1024 * 1024
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024
/** Frames up to this size are copied into one write; the bytes of larger ones are handed on as they are. */
const MAX_MERGED_BYTES = 16 * 1024
/** How long `close` waits for an end that does not read. */
const FLUSH_MS = 2000

export interface ChannelOptions<Out> {
  /** The last word to an end that broke the protocol, sent before the channel closes. */
  readonly refusal?: (fault: ProtocolError) => Out
  /** What may wait for an end that does not read; beyond it the channel fails. 64 MiB unless told. */
  readonly maxBufferedBytes?: number
  /** Each chunk that the stream gives has memory of its own that nobody else uses: bodies need not be copied out of it. */
  readonly ownsChunks?: boolean
}

export type MessageHandler<In> = (message: In, body: Uint8Array) => void

/**
 * Messages over a stream of bytes. It always reads, whatever its owner does: a stream that nobody reads can block the other
 * end, or a whole container engine. Everything sent in one turn of the event loop becomes one write.
 */
export class Channel<In, Out extends { readonly type: string }> {
  /** Settles once, when nothing more will be delivered: with the fault or the stream's error, or undefined for an ordinary end. */
  readonly closed: Promise<Error | undefined>
  readonly #stream: Duplex
  readonly #parse: (raw: RawMessage) => In | undefined
  readonly #parser: FrameParser
  readonly #refusal: ((fault: ProtocolError) => Out) | undefined
  readonly #maxBufferedBytes: number
  #isClosed = false
  #resolveClosed!: (error: Error | undefined) => void
  #gone: Promise<void> | undefined
  #handler: MessageHandler<In> | undefined
  #early: { message: In; body: Uint8Array }[] = []
  #earlyBytes = 0
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #onWritten: (() => void) | undefined

  constructor(stream: Duplex, parse: (raw: RawMessage) => In | undefined, options: ChannelOptions<Out> = {}) {
    this.#stream = stream
    this.#parse = parse
    this.#refusal = options.refusal
    this.#maxBufferedBytes = options.maxBufferedBytes ?? MAX_BUFFERED_BYTES
    this.#parser = new FrameParser((raw, body) => this.#deliver(raw, body), options)
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve))
    stream.on('data', (chunk: Uint8Array) => this.#receive(chunk))
    stream.on('error', (error) => this.#end(error))
    stream.on('end', () => this.#onEnd())
    stream.on('close', () => this.#onEnd())
    if (stream.destroyed || stream.readableEnded) this.#onEnd()
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Bytes that were sent and have not left this process. */
  get bufferedBytes(): number {
    return this.#pendingBytes + this.#stream.writableLength
  }

  /**
   * Delivers messages in order, those that came before included. To be called once. If the handler throws, the channel fails
   * with that error, so a handler refuses the other end by throwing a `ProtocolError`.
   */
  start(handler: MessageHandler<In>): void {
    if (this.#handler) throw new Error('Bug: a channel was started twice')
    this.#handler = handler
    for (const { message, body } of this.#early.splice(0)) this.#attempt(() => this.#hand(message, body))
  }

  /** Called whenever bytes have left, so that a sender of large values can go on. */
  onWritten(listener: () => void): void {
    this.#onWritten = listener
  }

  /** Never throws. After the end of the channel it does nothing; a message that no frame can carry ends the channel. */
  send(message: Out, body?: Uint8Array): void {
    if (this.#isClosed) return
    let header: Uint8Array
    try {
      header = encodeHeader(message, body?.length)
    } catch (error) {
      this.#fail(error as Error)
      return
    }
    this.#queue(header)
    if (body && body.length > 0) this.#queue(body)
    if (this.bufferedBytes <= this.#maxBufferedBytes) return
    this.#end(new ProtocolError(`The other end does not read: ${this.bufferedBytes} bytes wait for it.`))
    this.#stream.destroy()
  }

  /** Writes at once what waits for the end of this turn: for a sender whose turn may take long. */
  flush(): void {
    if (this.#pending.length === 0) return
    const pieces = mergeSmall(this.#pending)
    this.#pending = []
    this.#pendingBytes = 0
    if (!this.#stream.writable) return
    writeTogether(this.#stream, pieces, () => this.#onWritten?.())
  }

  /** Ends the channel for a reason of its owner: `closed` settles with `error`, and the refusal is sent if it is a `ProtocolError`. */
  fail(error: Error): void {
    if (this.#isClosed) return
    if (this.#refusal && error instanceof ProtocolError) this.send(this.#refusal(error))
    this.#fail(error)
  }

  /** Sends what waits and ends the stream; an end that does not read gets 2 s. Delivers nothing more. Resolves when the stream is gone. */
  close(): Promise<void> {
    this.#end(undefined)
    return this.#leave()
  }

  #receive(chunk: Uint8Array): void {
    if (this.#isClosed) return
    if (!this.#handler) this.#earlyBytes += chunk.length
    if (this.#earlyBytes > MAX_EARLY_BYTES) {
      this.fail(new ProtocolError(`More than ${MAX_EARLY_BYTES} bytes came before anybody listened.`))
      return
    }
    this.#attempt(() => this.#parser.push(chunk))
  }

  #deliver(raw: RawMessage, body: Uint8Array): void {
    if (this.#isClosed) return
    const message = this.#parse(raw)
    if (message !== undefined) this.#hand(message, body)
  }

  #hand(message: In, body: Uint8Array): void {
    if (this.#isClosed) return
    if (this.#handler) this.#handler(message, body)
    else this.#early.push({ message, body })
  }

  #attempt(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #fail(error: Error): void {
    this.#end(error)
    void this.#leave()
  }

  /** An end that says no more does not listen either: what still waits for it is let go. */
  #onEnd(): void {
    try {
      if (!this.#isClosed) this.#parser.end()
      this.#end(undefined)
    } catch (fault) {
      this.#end(fault as Error)
    }
    this.#stream.destroy()
  }

  #end(error: Error | undefined): void {
    if (this.#isClosed) return
    this.flush()
    this.#isClosed = true
    this.#resolveClosed(error)
  }

  #leave(): Promise<void> {
    const stream = this.#stream
    this.#gone ??= new Promise((resolve) => {
      if (stream.closed) {
        resolve()
        return
      }
      const giveUp = setTimeout(() => stream.destroy(), FLUSH_MS)
      giveUp.unref()
      stream.once('close', () => {
        clearTimeout(giveUp)
        resolve()
      })
      stream.end(() => stream.destroy())
    })
    return this.#gone
  }

  #queue(bytes: Uint8Array): void {
    if (this.#pending.push(bytes) === 1) process.nextTick(() => this.flush())
    this.#pendingBytes += bytes.length
  }
}

function mergeSmall(pieces: readonly Uint8Array[]): Uint8Array[] {
  const merged: Uint8Array[] = []
  let small: Uint8Array[] = []
  const flushSmall = (): void => {
    if (small.length > 0) merged.push(small.length === 1 ? small[0]! : Buffer.concat(small))
    small = []
  }
  for (const piece of pieces) {
    if (piece.length <= MAX_MERGED_BYTES) {
      small.push(piece)
      continue
    }
    flushSmall()
    merged.push(piece)
  }
  flushSmall()
  return merged
}
