/**
 * What a worker prints, written at once and in order: a line that was printed is out before the next statement runs, so nothing is
 * lost when the process dies. Records are marked (see PROTOCOL.md, Output); what subprocesses and native code print stays raw.
 */
import { writeSync } from 'node:fs'
import { Writable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import type { LogLevel, LogStream } from '../core/events.ts'
import { show } from '../core/show.ts'

const marker = '\x1e'
/** Longer texts go out in pieces, so that a reader needs bounded memory. */
const pieceLength = 64 * 1024

export interface Output {
  log(level: LogLevel, message: string, fields: object): void
  /** Marks the place up to which a run's lines are out. */
  flush(token: string): void
}

/** An output on a descriptor. */
export class DescriptorOutput implements Output {
  readonly #fd: number
  level: LogLevel | undefined

  constructor(fd: number) {
    this.#fd = fd
  }

  log(level: LogLevel, message: string, fields: object): void {
    for (const line of message.split('\n'))
      this.write({ level, stream: 'log', text: line, ...(Object.keys(fields).length > 0 ? { fields } : {}) })
  }

  flush(token: string): void {
    this.#writeText(`${marker}${JSON.stringify({ flush: token })}\n`)
  }

  write(record: OutputRecord): void {
    const { text } = record
    if (text.length <= pieceLength) return this.#writeText(`${marker}${stringify(record)}\n`)
    for (let at = 0; at < text.length; at += pieceLength) {
      const more = record.more || at + pieceLength < text.length
      this.#writeText(`${marker}${stringify({ ...record, text: text.slice(at, at + pieceLength), ...(more ? { more } : {}) })}\n`)
    }
  }

  /** A string goes out as it is, which is faster; what the pipe has no room for follows. */
  #writeText(text: string): void {
    const written = this.#write(() => writeSync(this.#fd, text))
    if (written === undefined || written === Buffer.byteLength(text)) return
    const bytes = Buffer.from(text)
    for (let at = written; at < bytes.length;) {
      const more = this.#write(() => writeSync(this.#fd, bytes, at))
      if (more === undefined) return
      at += more
    }
  }

  /** A full pipe that does not block is tried again: the reader always reads (see supervisor/printed.ts). Undefined: nobody reads. */
  #write(attempt: () => number): number | undefined {
    for (;;) {
      try {
        return attempt()
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code === 'EPIPE') return undefined
        if (code !== 'EAGAIN') throw error
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
      }
    }
  }
}

export interface OutputRecord {
  readonly level: LogLevel
  readonly stream: LogStream
  readonly text: string
  readonly fields?: object
  readonly more?: boolean
}

/** Fields that JSON refuses (cycles, bigints) must not lose the line. Most lines have none, and are put together in half the time. */
export function stringify(record: OutputRecord): string {
  const { level, stream, text, fields, more } = record
  if (!fields) return `{"level":"${level}","stream":"${stream}","text":${JSON.stringify(text)}${more ? ',"more":true' : ''}}`
  try {
    return JSON.stringify(record)
  } catch {
    return JSON.stringify({ ...record, fields: { unprintable: show(fields) } })
  }
}

/** Stands in for `process.stdout` or `process.stderr`: every line becomes a record, an unfinished line goes out as far as it is. */
class RecordStream extends Writable {
  readonly fd: number
  readonly #output: DescriptorOutput
  readonly #stream: 'stdout' | 'stderr'
  readonly #decoder = new StringDecoder('utf8')

  constructor(output: DescriptorOutput, stream: 'stdout' | 'stderr') {
    super({ decodeStrings: false })
    this.#output = output
    this.#stream = stream
    this.fd = stream === 'stdout' ? 1 : 2
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: (error?: Error) => void): void {
    const level = this.#output.level ?? (this.#stream === 'stderr' ? 'error' : 'info')
    const lines = this.#textOf(chunk, encoding).split('\n')
    const rest = lines.pop() ?? ''
    for (const text of lines) this.#output.write({ level, stream: this.#stream, text })
    if (rest) this.#output.write({ level, stream: this.#stream, text: rest, more: true })
    done()
  }

  #textOf(chunk: Buffer | string, encoding: BufferEncoding): string {
    if (typeof chunk !== 'string') return this.#decoder.write(chunk)
    if (encoding !== 'utf8' && encoding !== 'utf-8') return this.#decoder.write(Buffer.from(chunk, encoding))
    return this.#decoder.end() + chunk
  }
}

/** Sends everything that this process prints through `output`: `process.stdout`, `process.stderr` and `console`, with its levels. */
export function capturePrints(output: DescriptorOutput): void {
  for (const stream of ['stdout', 'stderr'] as const) {
    let instance: RecordStream | undefined
    Object.defineProperty(process, stream, {
      configurable: true,
      enumerable: true,
      get: () => (instance ??= new RecordStream(output, stream)),
    })
  }
  const methods = { debug: 'debug', warn: 'warn', error: 'error', trace: 'error' } as const
  for (const [method, level] of Object.entries(methods) as [keyof typeof methods, LogLevel][]) {
    const plain = console[method].bind(console)
    console[method] = (...values: unknown[]): void => {
      output.level = level
      try {
        plain(...values)
      } finally {
        output.level = undefined
      }
    }
  }
}
