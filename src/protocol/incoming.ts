import { NotSerializableError, ProtocolError } from '../core/errors.ts'
import type { Both, ValueHeader } from './messages.ts'
import { INITIAL_WINDOW_BYTES, MAX_OPEN_STREAMS } from './outgoing.ts'
import { Pieces } from './pieces.ts'
import { StreamTable } from './stream-table.ts'
import type { Sink } from './values.ts'

/** Credit goes out in portions of this size, not for every byte that was taken. */
const CREDIT_BYTES = INITIAL_WINDOW_BYTES / 4

/** More than an end can announce before it hears that they are not wanted: so much does not wait for its channel. */
export const MAX_ANNOUNCED = 400_000

export interface IncomingLink {
  send(message: Extract<Both, { type: 'credit' | 'stop' }>): void
  readonly maxValueBytes: number
}

/** A stream that was announced and has not begun. */
export interface Announcement {
  take<T>(sink: Sink<T>): Promise<T>
  /** To be called when the message has been handled: a value that nobody took is stopped. */
  settle(): void
}

interface IncomingStream {
  readonly run: string
  readonly stream: number
  readonly header: ValueHeader
  receivedBytes: number
  allowedBytes: number
  /** Taken by the sink, and not yet given back as credit. */
  takenBytes: number
  /** What has come and was not given to the sink yet: as few buffers and steps, however small the chunks are. */
  readonly pending: Pieces
  /** Everything that was asked of the sink so far; the next step waits for it. */
  tail: Promise<void>
  /** Absent when nobody wants the value any more. */
  receiver: Receiver | undefined
  isStopped: boolean
}

interface Receiver {
  write(chunk: Uint8Array): Promise<void> | void
  end(): Promise<void>
  fail(error: Error): Promise<void>
}

/** The values that the other end is sending in chunks. What waits here is bounded by the credit that it got. */
export class IncomingValues {
  readonly #link: IncomingLink
  readonly #streams = new StreamTable<IncomingStream>()
  #openStreams = 0

  constructor(link: IncomingLink) {
    this.#link = link
  }

  /** Throws a `ProtocolError` if such a stream is under way already. */
  announce(run: string, stream: number, header: ValueHeader): Announcement {
    if (this.#streams.get(run, stream)) throw new ProtocolError(`Stream ${stream} of run "${run}" was announced twice.`)
    if (this.#streams.size >= MAX_ANNOUNCED) throw new ProtocolError(`More than ${MAX_ANNOUNCED} values are announced and have not come.`)
    const entry: IncomingStream = {
      run,
      stream,
      header,
      receivedBytes: 0,
      allowedBytes: INITIAL_WINDOW_BYTES,
      takenBytes: 0,
      pending: new Pieces(),
      tail: Promise.resolve(),
      receiver: undefined,
      isStopped: false,
    }
    this.#streams.add(run, stream, entry)
    return {
      take: (sink) => this.#take(entry, sink),
      settle: () => {
        if (!entry.receiver) this.#stop(entry)
      },
    }
  }

  /** Throws a `ProtocolError` for a chunk that should not be. */
  chunk({ run, stream, end, error }: Extract<Both, { type: 'chunk' }>, body: Uint8Array): void {
    const entry = this.#streams.get(run, stream)
    if (!entry) throw new ProtocolError(`A chunk came for stream ${stream} of run "${run}", which is not under way.`)
    const isFirst = entry.receivedBytes === 0
    entry.receivedBytes += body.length
    checkChunk(entry, end && error === undefined, body)
    if (isFirst && entry.receivedBytes > 0) this.#openStreams++
    if (this.#openStreams > MAX_OPEN_STREAMS) throw new ProtocolError(`More than ${MAX_OPEN_STREAMS} streams are under way at once.`)
    if (body.length > 0) this.#keep(entry, body)
    if (!end) return
    if (entry.receivedBytes > 0) this.#openStreams--
    this.#streams.delete(run, stream)
    if (error === undefined) this.#then(entry, (receiver) => receiver.end())
    else this.#fail(entry, new Error(`The value did not arrive: ${error}`))
  }

  drop(run: string, error: Error): void {
    for (const entry of this.#streams.ofRun(run)) {
      this.#fail(entry, error)
      this.#stop(entry)
    }
  }

  /** No value is under way. */
  get isIdle(): boolean {
    return this.#streams.isEmpty
  }

  close(error: Error): void {
    for (const entry of this.#streams.all()) {
      this.#streams.delete(entry.run, entry.stream)
      this.#fail(entry, error)
    }
  }

  async #take<T>(entry: IncomingStream, sink: Sink<T>): Promise<T> {
    if (entry.receiver || entry.isStopped) throw new Error(`Bug: a value of run "${entry.run}" was taken twice or too late`)
    const { size } = entry.header
    if (size > this.#link.maxValueBytes) throw tooLarge(entry.run, size, this.#link.maxValueBytes)
    return new Promise((resolve, reject) => {
      entry.receiver = {
        write: (chunk) => sink.write(chunk),
        end: async () => resolve(await sink.end()),
        fail: async (error) => {
          try {
            await sink.abort(error)
          } finally {
            reject(error)
          }
        },
      }
    })
  }

  #keep(entry: IncomingStream, body: Uint8Array): void {
    if (!entry.receiver) return
    const isScheduled = !entry.pending.isEmpty
    entry.pending.push(body)
    if (!isScheduled) this.#then(entry, (receiver) => this.#writePending(entry, receiver))
  }

  async #writePending(entry: IncomingStream, receiver: Receiver): Promise<void> {
    for (const piece of entry.pending.take()) if (entry.receiver) await this.#write(entry, receiver, piece)
  }

  async #write(entry: IncomingStream, receiver: Receiver, piece: Uint8Array): Promise<void> {
    await receiver.write(piece)
    entry.takenBytes += piece.length
    if (entry.takenBytes < CREDIT_BYTES || entry.allowedBytes >= entry.header.size || !entry.receiver) return
    entry.allowedBytes += entry.takenBytes
    this.#link.send({ type: 'credit', run: entry.run, stream: entry.stream, bytes: entry.takenBytes })
    entry.takenBytes = 0
  }

  /** Does the next step if none has failed; when a sink fails, the rest of the value is not wanted. */
  #then(entry: IncomingStream, step: (receiver: Receiver) => Promise<void>): void {
    if (!entry.receiver) return
    entry.tail = entry.tail.then(async () => {
      if (!entry.receiver) return
      try {
        await step(entry.receiver)
      } catch (error) {
        this.#fail(entry, error instanceof Error ? error : new Error(String(error)))
        this.#stop(entry)
      }
    })
  }

  #fail(entry: IncomingStream, error: Error): void {
    const { receiver } = entry
    entry.receiver = undefined
    entry.pending.take()
    if (receiver) entry.tail = entry.tail.then(() => receiver.fail(error)).catch(() => {})
  }

  /** Tells the other end, once; what still comes is dropped. */
  #stop(entry: IncomingStream): void {
    if (entry.isStopped || this.#streams.get(entry.run, entry.stream) !== entry) return
    entry.isStopped = true
    this.#link.send({ type: 'stop', run: entry.run, stream: entry.stream })
  }
}

function checkChunk(entry: IncomingStream, isComplete: boolean, body: Uint8Array): void {
  const { run, stream, header, receivedBytes, allowedBytes } = entry
  const name = `Stream ${stream} of run "${run}"`
  if (receivedBytes > header.size)
    throw new ProtocolError(`${name} was announced with ${header.size} bytes and has at least ${receivedBytes}.`)
  if (receivedBytes > allowedBytes) throw new ProtocolError(`${name} was sent ${body.length} bytes beyond its credit of ${allowedBytes}.`)
  if (isComplete && receivedBytes < header.size) throw new ProtocolError(`${name} ended after ${receivedBytes} of ${header.size} bytes.`)
}

export function tooLarge(run: string, size: number, limit: number): Error {
  return new NotSerializableError(
    `A value of run "${run}" has ${size} bytes; at most ${limit} are allowed. Send less, or raise the limit.`,
    {
      code: 'PAYLOAD_TOO_LARGE',
    },
  )
}
