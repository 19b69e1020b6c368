/**
 * One attach stream of the engine, taken apart: the container's standard output is the channel, its error stream is the output.
 *
 * 1. Frames of the stream are an eight-byte head (which stream, length) and that many bytes; they may arrive in any pieces.
 * 2. The socket is paused only while a reader of ours lags behind by more than its bound. `release` ends that for good: from then on
 *    everything is read and what nobody takes is dropped, since the engine cannot even kill a container whose reader stands still.
 * 3. Where an end mark is expected, each stream ends with it, and not with the container.
 * 4. Ending the channel's writing side closes the container's input, which its guard takes as the end of the supervisor.
 */
import { Duplex } from 'node:stream'
import { OutputQueue } from '../output-queue.ts'
import type { EndMark } from './end-mark.ts'

/** What the output may hold unread before the worker has to wait. */
const outputBound = 4 << 20
const channelBound = 1 << 20
const headBytes = 8
const stdout = 1
const stderr = 2

export class AttachedStreams {
  readonly channel: Duplex
  readonly output: AsyncIterable<Uint8Array>
  /** Settles when nothing more can come: with the worker's exit code, where an end mark told it. */
  readonly ended: Promise<number | undefined>
  readonly #socket: Duplex
  readonly #output = new OutputQueue()
  readonly #head: Buffer = Buffer.alloc(headBytes)
  #headFilled = 0
  #stream = 0
  #left = 0
  #released = false
  #channelFull = false
  #channelEnded = false
  readonly #endMarks: ReadonlyMap<number, ReturnType<EndMark['reader']>>
  #marksLeft = 2
  #end: (code?: number) => void = () => {}

  constructor(socket: Duplex, head: Buffer, endMark?: EndMark) {
    this.#socket = socket
    this.#endMarks = new Map(endMark && [stdout, stderr].map((stream) => [stream, endMark.reader()]))
    this.output = this.#output
    this.channel = new Duplex({
      allowHalfOpen: true,
      readableHighWaterMark: channelBound,
      read: () => {
        this.#channelFull = false
        this.#flow()
      },
      write: (chunk: Buffer, _encoding, done) => void socket.write(chunk, done),
      writev: (chunks, done) => {
        socket.cork()
        for (const [index, { chunk }] of chunks.entries()) socket.write(chunk as Buffer, index === chunks.length - 1 ? done : undefined)
        socket.uncork()
      },
      final: (done) => {
        socket.end()
        done()
      },
      destroy: (error, done) => {
        this.release()
        // A channel that is gone must read as one that ended: the container's input is closed, what it still prints is read.
        socket.end()
        done(error)
      },
    })
    // A failed write shows as the end of the channel; its cause is known from the engine's events.
    this.channel.on('error', () => {})
    this.#output.onRoom = () => this.#flow()
    this.ended = new Promise((resolve) => {
      this.#end = (code) => {
        this.#output.end()
        if (!this.#channelEnded && !this.channel.destroyed) this.channel.push(null)
        this.#channelEnded = true
        resolve(code)
      }
      socket.on('end', () => this.#end())
      socket.on('close', () => this.#end())
      socket.on('error', () => socket.destroy())
    })
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    if (head.length > 0) this.#take(head)
  }

  /** Never stands still again: what is not taken is dropped. */
  release(): void {
    this.#released = true
    this.#output.dropAbove = outputBound
    this.#socket.resume()
  }

  /** Lets go of the connection. */
  destroy(): void {
    this.release()
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#left === 0) {
        const copied = chunk.copy(this.#head, this.#headFilled, at, at + headBytes - this.#headFilled)
        at += copied
        this.#headFilled += copied
        if (this.#headFilled < headBytes) return
        this.#headFilled = 0
        this.#stream = this.#head[0] ?? 0
        this.#left = this.#head.readUInt32BE(4)
        continue
      }
      const part = chunk.subarray(at, at + this.#left)
      at += part.length
      this.#left -= part.length
      this.#deliver(part)
    }
    this.#flow()
  }

  #deliver(part: Buffer): void {
    const read = this.#endMarks.get(this.#stream)
    if (read === undefined) return this.#pass(part)
    const { data, code } = read(part)
    if (data.length > 0) this.#pass(data)
    if (code !== undefined && --this.#marksLeft === 0) this.#end(code)
  }

  #pass(part: Buffer): void {
    if (this.#stream === stderr) this.#output.push(part)
    else if (this.#stream === stdout && !this.channel.destroyed && !this.#channelEnded) {
      if (this.#released && this.channel.readableLength > channelBound) return
      this.#channelFull = !this.channel.push(part)
    }
  }

  #flow(): void {
    if (this.#released) return
    const lags = this.#channelFull || this.#output.bytes > outputBound
    if (lags && !this.#socket.isPaused()) this.#socket.pause()
    else if (!lags && this.#socket.isPaused()) this.#socket.resume()
  }
}
