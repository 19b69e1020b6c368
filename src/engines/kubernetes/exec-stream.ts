/**
 * The streams of a program that the cluster starts in a pod: one websocket (`v5.channel.k8s.io`, and `v4`).
 *
 * 1. The first byte of a message is its channel: 0 its input, 1 what it prints, 2 its errors, 3 how it ended, 4 the terminal's size.
 * 2. Only v5 can say that the input has ended. So `lines`: input goes as lines of base64, of which an empty one is the end.
 * 3. Nothing is read while a reader of ours lags behind by more than its bound.
 */
import { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Exit, TerminalSize } from '../../core/engine.ts'
import { OutputQueue } from '../output-queue.ts'
import type { ApiClient } from './api-client.ts'
import type { ApiStatus } from './api-types.ts'
import { containerName } from './pod-spec.ts'

const channels = { input: 0, output: 1, errors: 2, status: 3, size: 4, close: 255 } as const
const bound = 1 << 20
const pieceBytes = 64 << 10
/** Proxies close what says nothing; a way that is gone is found by it. */
const pingMs = 10_000
const silenceMs = 35_000

export interface ExecStreamOptions {
  readonly command: readonly string[]
  readonly protocol: 'v5' | 'v4'
  readonly input: 'none' | 'bytes' | 'lines'
  readonly hasTerminal?: boolean
  /** Ends it, open or not. */
  readonly signal?: AbortSignal
}

export class ExecStream {
  readonly channel: Duplex
  readonly errors: OutputQueue = new OutputQueue()
  /** Settles when the program has ended and all that it printed has come, or the way to it is gone. */
  readonly ended: Promise<Exit>
  readonly #socket: WebSocket
  #settle!: (exit: Exit) => void
  #exit: Exit | undefined
  #isFull = false
  #heardAt = performance.now()
  readonly #hasLines: boolean
  readonly #pinging: NodeJS.Timeout

  private constructor(socket: WebSocket, { protocol, input }: ExecStreamOptions) {
    this.#socket = socket
    this.#hasLines = input === 'lines'
    this.ended = new Promise((resolve) => (this.#settle = resolve))
    this.errors.onRoom = () => this.#flow()
    this.channel = new Duplex({
      readableHighWaterMark: bound,
      read: () => {
        this.#isFull = false
        this.#flow()
      },
      write: (chunk: Buffer, _encoding, done) => this.#write(chunk, done),
      final: (done) => {
        if (this.#hasLines) this.#send(channels.input, Buffer.from('\n'))
        else if (protocol === 'v5') this.#send(channels.close, Buffer.of(channels.input))
        done()
      },
    })
    this.channel.on('error', () => {})
    socket.on('message', (message: Buffer) => this.#take(message))
    socket.on('pong', () => (this.#heardAt = performance.now()))
    socket.on('error', () => socket.terminate())
    socket.on('close', () => this.#end())
    this.#pinging = setInterval(() => this.#ping(), pingMs)
    this.#pinging.unref()
  }

  /** Rejects with an `ApiError` when the API server refuses, and with an `Error` when it does not speak this protocol. */
  static async open(client: ApiClient, pod: string, options: ExecStreamOptions): Promise<ExecStream> {
    const { protocol, signal } = options
    const about = { query: queryOf(options), protocol: `${protocol}.channel.k8s.io`, signal }
    return await client.socket(`${pod}/exec`, about, (socket) => {
      socket.binaryType = 'nodebuffer'
      const stop = (): void => socket.terminate()
      signal?.addEventListener('abort', stop)
      socket.once('close', () => signal?.removeEventListener('abort', stop))
      return new ExecStream(socket, options)
    })
  }

  resize({ columns, rows }: TerminalSize): void {
    this.#send(channels.size, Buffer.from(JSON.stringify({ Width: columns, Height: rows })))
  }

  destroy(): void {
    this.#socket.terminate()
  }

  #take(message: Buffer): void {
    this.#heardAt = performance.now()
    const bytes = message.subarray(1)
    const [channel] = message
    if (channel === channels.output && bytes.length > 0 && !this.channel.push(bytes)) this.#isFull = true
    if (channel === channels.errors) this.errors.push(bytes)
    if (channel === channels.status) this.#exit = exitOf(bytes)
    if (this.#isFull || this.errors.bytes > bound) this.#socket.pause()
  }

  #flow(): void {
    if (!this.#isFull && this.errors.bytes <= bound) this.#socket.resume()
  }

  #write(chunk: Buffer, done: () => void): void {
    const last = Math.max(0, Math.ceil(chunk.length / pieceBytes) - 1)
    for (let piece = 0; piece <= last; piece++) {
      const bytes = chunk.subarray(piece * pieceBytes, (piece + 1) * pieceBytes)
      const sent = this.#hasLines ? Buffer.from(`${bytes.toString('base64')}\n`) : bytes
      this.#send(channels.input, sent, piece === last ? done : undefined)
    }
  }

  /** What cannot be sent any more is dropped: how the program ended says what happened. */
  #send(channel: number, bytes: Uint8Array, done: () => void = () => {}): void {
    const message = Buffer.allocUnsafe(bytes.length + 1)
    message[0] = channel
    message.set(bytes, 1)
    this.#socket.send(message, () => done())
  }

  #ping(): void {
    if (this.#socket.isPaused) this.#heardAt = performance.now()
    if (performance.now() - this.#heardAt > silenceMs) return this.#socket.terminate()
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping()
  }

  #end(): void {
    clearInterval(this.#pinging)
    this.channel.push(null)
    this.errors.end()
    this.#settle(this.#exit ?? { how: 'lost', detail: 'the connection to it broke' })
  }
}

function queryOf({ command, input, hasTerminal = false }: ExecStreamOptions): URLSearchParams {
  const query = new URLSearchParams({ container: containerName, stdin: String(input !== 'none'), stdout: 'true' })
  query.append(hasTerminal ? 'tty' : 'stderr', 'true')
  for (const word of command) query.append('command', word)
  return query
}

/** What is said on channel 3: a `Status` of the API. */
function exitOf(bytes: Buffer): Exit {
  const { status, message, details } = JSON.parse(bytes.toString('utf8')) as ApiStatus & {
    readonly status?: string
    readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] }
  }
  if (status === 'Success') return { how: 'exited', code: 0 }
  const code = Number(details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message ?? NaN)
  return Number.isInteger(code) ? { how: 'exited', code } : { how: 'lost', detail: message ?? 'nobody knows why' }
}
