/** What a worker prints, from raw bytes to records: lines of text, and the marked records among them. */
import { isAscii } from 'node:buffer'
import { isData } from './checks.ts'
import type { OutputRecord } from './messages.ts'
import { isLogLevel, isLogStream } from './parse-shared.ts'

/** A longer line of raw text is delivered in pieces. */
export const MAX_LINE_BYTES: number = 256 * 1024
/** A longer record is delivered as raw text. */
export const MAX_RECORD_BYTES: number = 512 * 1024

export type OutputItem = OutputRecord

/** Begins a record, anywhere in a line. JSON text never holds this byte, so a reader finds the next record after a broken one. */
const MARKER = 0x1e
const NEWLINE = 0x0a
const RETURN = 0x0d
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d
/** What most records are: a text in which nothing is escaped. To read one as JSON takes twice the time. */
// oxlint-disable-next-line no-control-regex -- JSON has none in a text either
const PLAIN_RECORD = /\x1e\{"level":"(\w+)","stream":"(\w+)","text":"([^"\\\x00-\x1f]*)"\}\n/y
/** Pieces in which a large chunk is looked at; smaller than a line may be, so that a line's pieces do not depend on the chunks. */
const BLOCK_BYTES = 64 * 1024

/** Cuts a worker's output into items, in order and without losing a byte. Holds at most one line of bounded length. */
export class OutputLines {
  readonly #emit: (item: OutputItem) => void
  /** The bytes of the line that has not ended; a record's marker is its first byte. */
  #open: Buffer = Buffer.allocUnsafe(1024)
  #openBytes = 0

  constructor(emit: (item: OutputItem) => void) {
    this.#emit = emit
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) this.#pushBlock(bytes.subarray(at, at + BLOCK_BYTES))
  }

  /** The output has ended: an unfinished last line is delivered. */
  end(): void {
    if (this.#openBytes > 0) this.#closeOpen()
  }

  #pushBlock(block: Buffer): void {
    let marker = block.indexOf(MARKER)
    let at = 0
    const text = marker >= 0 && isAscii(block) ? block.toString('latin1') : ''
    while (at < block.length) {
      if (text && at === marker && this.#openBytes === 0) {
        at = this.#pushPlain(text, at)
        marker = text.charCodeAt(at) === MARKER ? at : block.indexOf(MARKER, at)
        if (at === block.length) return
      }
      const rawEnd = marker < 0 ? block.length : marker
      if (this.#openBytes > 0) {
        at = this.#continueOpen(block, at, rawEnd)
      } else if (at < rawEnd) {
        at = this.#pushRaw(block, at, rawEnd)
      } else {
        marker = block.indexOf(MARKER, at + 1)
        at = this.#pushRecord(block, at, marker < 0 ? block.length : marker)
      }
    }
  }

  /** Takes the plain records that stand there, one behind the other; answers where they end. */
  #pushPlain(text: string, from: number): number {
    for (let at = from; ;) {
      PLAIN_RECORD.lastIndex = at
      const plain = PLAIN_RECORD.exec(text)
      if (!plain || !isLogLevel(plain[1]) || !isLogStream(plain[2])) return at
      at = PLAIN_RECORD.lastIndex
      this.#emit({ level: plain[1], stream: plain[2], text: plain[3] ?? '' })
    }
  }

  /** Takes what belongs to the open line: up to the newline, or to the marker that cuts it short. */
  #continueOpen(block: Buffer, from: number, rawEnd: number): number {
    const rest = block.subarray(from, rawEnd)
    const newline = rest.indexOf(NEWLINE)
    this.#keep(newline < 0 ? rest : rest.subarray(0, newline))
    if (newline >= 0 || rawEnd < block.length) this.#closeOpen()
    return newline < 0 ? rawEnd : from + newline + 1
  }

  /** Raw text from the beginning of a line; what has no newline stays open. */
  #pushRaw(block: Buffer, from: number, end: number): number {
    const region = block.subarray(from, end)
    const newline = region.lastIndexOf(NEWLINE)
    if (newline < 0) {
      this.#keep(region)
      if (end < block.length) this.#closeOpen()
      return end
    }
    const lines = decode(region.subarray(0, newline))
    const hasReturns = lines.includes('\r')
    for (const line of lines.split('\n')) this.#emitText(hasReturns && line.endsWith('\r') ? line.slice(0, -1) : line)
    return from + newline + 1
  }

  /** A record from its marker; `end` is the next marker, or the end of the block. */
  #pushRecord(block: Buffer, from: number, end: number): number {
    const region = block.subarray(from, end)
    const newline = region.indexOf(NEWLINE)
    if (newline < 0) {
      this.#keep(region)
      if (end < block.length) this.#closeOpen()
      return end
    }
    this.#emitRecord(region.subarray(0, newline))
    return from + newline + 1
  }

  #keep(bytes: Buffer): void {
    const needed = this.#openBytes + bytes.length
    if (needed > this.#open.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#open.length * 2))
      larger.set(this.#open.subarray(0, this.#openBytes))
      this.#open = larger
    }
    this.#open.set(bytes, this.#openBytes)
    this.#openBytes = needed
    if (this.#open[0] !== MARKER || needed > MAX_RECORD_BYTES) this.#emitPieces()
  }

  /** Delivers the pieces of an over-long line that are whole, so that it never holds more than one. */
  #emitPieces(): void {
    const rest = this.#emitLong(this.#open.subarray(0, this.#openBytes))
    if (rest === this.#openBytes) return
    this.#open.copyWithin(0, this.#openBytes - rest, this.#openBytes)
    this.#openBytes = rest
  }

  /** Answers how many bytes are left for the last piece. */
  #emitLong(line: Buffer): number {
    let at = 0
    while (line.length - at > MAX_LINE_BYTES) {
      const end = pieceEnd(line, at, at + MAX_LINE_BYTES)
      this.#emit({ level: 'info', stream: 'stdout', text: decode(line.subarray(at, end)), more: true })
      at = end
    }
    return line.length - at
  }

  #closeOpen(): void {
    const line = this.#open.subarray(0, this.#openBytes)
    this.#openBytes = 0
    if (line[0] === MARKER) this.#emitRecord(line)
    else this.#emitLine(line)
    if (this.#open.length > BLOCK_BYTES) this.#open = Buffer.allocUnsafe(1024)
  }

  #emitRecord(line: Buffer): void {
    const item = parseRecord(line)
    if (item) this.#emit(item)
    else this.#emitLine(line)
  }

  #emitLine(line: Buffer): void {
    const start = line.length - this.#emitLong(line)
    const end = line.at(-1) === RETURN ? line.length - 1 : line.length
    this.#emitText(decode(line.subarray(start, end)))
  }

  #emitText(line: string): void {
    this.#emit({ level: 'info', stream: 'stdout', text: line })
  }
}

/** Undefined: not one of ours. Throws no error of its own on the way, since a worker may print millions of such lines. */
function parseRecord(line: Buffer): OutputRecord | undefined {
  if (line[1] !== OPENING_BRACE || line.at(-1) !== CLOSING_BRACE) return undefined
  let raw: unknown
  try {
    raw = JSON.parse(line.toString('utf8', 1))
  } catch {
    return undefined
  }
  const { flush, level, stream, text, fields, more } = raw as Readonly<Record<string, unknown>>
  if (typeof flush === 'string') return { flush }
  if (typeof text !== 'string' || !isLogLevel(level) || !isLogStream(stream)) return undefined
  if ((fields !== undefined && !isData(fields)) || (more !== undefined && typeof more !== 'boolean')) return undefined
  return { level, stream, text, ...(fields === undefined ? {} : { fields }), ...(more === undefined ? {} : { more }) }
}

/** Where a piece may end: not inside a character, and not between the two bytes of a line's end. */
function pieceEnd(bytes: Buffer, from: number, end: number): number {
  for (let at = end; at > end - 4 && at > from; at--) {
    const isInsideCharacter = (bytes[at]! & 0xc0) === 0x80
    if (!isInsideCharacter && bytes[at - 1] !== RETURN) return at
  }
  return end
}

function decode(bytes: Buffer): string {
  return bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8')
}
