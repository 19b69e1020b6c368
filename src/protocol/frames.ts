/** Frames on the wire: one line of JSON, and if it says `body: n`, n bytes after it. Knows nothing of what a message means. */
import { isUtf8 } from 'node:buffer'
import { ProtocolError } from '../core/errors.ts'

/** The longest line of JSON: room for the variables of a run, and for a line of output whose characters all have to be escaped. */
export const MAX_HEADER_BYTES: number = 4 * 1024 * 1024
/** The longest body: larger values are split, so that a short message never waits long behind them. */
export const MAX_BODY_BYTES: number = 256 * 1024

const NEWLINE = 0x0a
const OPENING_BRACE = 0x7b
const EXCERPT_BYTES = 80
const NO_BYTES = new Uint8Array(0)

/** A frame's JSON, as the peer sent it: an object with a `type`, and nothing else is known of it. */
export type RawMessage = Readonly<Record<string, unknown>> & { readonly type: string }

/** The line of a frame, newline included. Throws a `ProtocolError` if the message cannot travel. */
export function encodeHeader(message: { readonly type: string }, bodyBytes: number = 0): Buffer {
  if (bodyBytes > MAX_BODY_BYTES) {
    throw new ProtocolError(`Message "${message.type}" has a body of ${bodyBytes} bytes; a frame carries at most ${MAX_BODY_BYTES}.`)
  }
  const json = JSON.stringify(message)
  const header = Buffer.from(bodyBytes > 0 ? `${json.slice(0, -1)},"body":${bodyBytes}}\n` : `${json}\n`)
  if (header.length > MAX_HEADER_BYTES) {
    throw new ProtocolError(`Message "${message.type}" has ${header.length} bytes of JSON; a frame carries at most ${MAX_HEADER_BYTES}.`)
  }
  return header
}

/** A whole frame in one buffer. */
export function encodeFrame(message: { readonly type: string }, body: Uint8Array = NO_BYTES): Buffer {
  return Buffer.concat([encodeHeader(message, body.length), body])
}

/** The stream ended in the middle of a frame: whoever wrote it went away, and did nothing wrong by that. */
export class CutFrameError extends ProtocolError {}

/**
 * Cuts a stream of bytes into frames, whatever pieces the bytes arrive in. Holds at most one frame, copies each byte once,
 * and throws a `ProtocolError` at the first byte that cannot belong to a frame; after that it must not be used again.
 */
export class FrameParser {
  readonly #onFrame: (raw: RawMessage, body: Uint8Array) => void
  readonly #ownsChunks: boolean
  #line: Buffer[] = []
  #lineBytes = 0
  /** Set while a body is under way. */
  #raw: RawMessage | undefined
  #body: Uint8Array = NO_BYTES
  #bodySize = 0
  #bodyBytes = 0

  /**
   * A body belongs to whoever gets it: it shares no memory with the chunks, unless each chunk has memory of its own, nobody else
   * uses it (`ownsChunks`), and it holds little but that body.
   */
  constructor(onFrame: (raw: RawMessage, body: Uint8Array) => void, { ownsChunks = false }: { readonly ownsChunks?: boolean } = {}) {
    this.#onFrame = onFrame
    this.#ownsChunks = ownsChunks
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    let at = 0
    while (at < bytes.length) at = this.#raw ? this.#takeBody(this.#raw, bytes, at) : this.#takeLine(bytes, at)
  }

  /** To be called when the stream has ended: throws if that was in the middle of a frame. */
  end(): void {
    if (this.#raw) {
      throw new CutFrameError(
        `The stream ended inside a frame: ${this.#bodyBytes} of ${this.#bodySize} bytes of the body of message ${named(this.#raw)} had come.`,
      )
    }
    if (this.#lineBytes > 0) throw new CutFrameError(`The stream ended inside a frame, after ${excerpt(this.#joinLine())}.`)
  }

  #takeLine(bytes: Buffer, from: number): number {
    if (this.#lineBytes === 0 && bytes[from] !== OPENING_BRACE) {
      throw new ProtocolError(`Expected a frame, a line of JSON that begins with "{", but got ${excerpt(bytes.subarray(from))}.`)
    }
    const newline = bytes.indexOf(NEWLINE, from)
    const end = newline < 0 ? bytes.length : newline
    this.#lineBytes += end - from
    if (this.#lineBytes >= MAX_HEADER_BYTES) {
      throw new ProtocolError(
        `A frame's line of JSON is longer than ${MAX_HEADER_BYTES} bytes; it begins with ${excerpt(this.#line[0] ?? bytes.subarray(from))}.`,
      )
    }
    const piece = bytes.subarray(from, end)
    if (newline < 0) {
      this.#keep(piece)
      return end
    }
    const line = this.#line.length > 0 ? Buffer.concat([this.#joinLine(), piece]) : piece
    this.#line = []
    this.#lineBytes = 0
    this.#begin(line)
    return newline + 1
  }

  /** Merges small pieces as they come, so that a line sent byte by byte costs no buffer for each byte. */
  #keep(piece: Buffer): void {
    let merged = piece
    for (let last = this.#line.at(-1); last && last.length <= merged.length * 2; last = this.#line.at(-1)) {
      this.#line.pop()
      merged = Buffer.concat([last, merged])
    }
    this.#line.push(merged === piece ? Buffer.from(piece) : merged)
  }

  #joinLine(): Buffer {
    return Buffer.concat(this.#line)
  }

  #begin(line: Buffer): void {
    const raw = parseLine(line)
    const size = bodySize(raw, line)
    if (size === 0) {
      this.#onFrame(raw, NO_BYTES)
      return
    }
    this.#raw = raw
    this.#bodySize = size
    this.#bodyBytes = 0
  }

  #takeBody(raw: RawMessage, bytes: Buffer, from: number): number {
    const size = this.#bodySize
    const end = Math.min(bytes.length, from + size - this.#bodyBytes)
    const isAlone = this.#ownsChunks && end - from === size && size * 2 >= bytes.buffer.byteLength
    if (isAlone) this.#body = bytes.subarray(from, end)
    else {
      if (this.#bodyBytes === 0) this.#body = Buffer.allocUnsafeSlow(size)
      this.#body.set(bytes.subarray(from, end), this.#bodyBytes)
    }
    this.#bodyBytes += end - from
    if (this.#bodyBytes === size) {
      const body = this.#body
      this.#raw = undefined
      this.#body = NO_BYTES
      this.#onFrame(raw, body)
    }
    return end
  }
}

function parseLine(line: Buffer): RawMessage {
  if (!isUtf8(line)) throw new ProtocolError(`A frame is not valid UTF-8: ${excerpt(line)}.`)
  let raw: unknown
  try {
    raw = JSON.parse(line.toString('utf8'))
  } catch (cause) {
    throw new ProtocolError(`A frame is not valid JSON: ${excerpt(line)}.`, { cause })
  }
  if (!isObject(raw)) throw new ProtocolError(`A frame is not a JSON object: ${excerpt(line)}.`)
  if (typeof raw['type'] !== 'string' || raw['type'] === '') throw new ProtocolError(`A frame has no type: ${excerpt(line)}.`)
  return raw as RawMessage
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function bodySize(raw: RawMessage, line: Buffer): number {
  const size = raw['body']
  if (size === undefined) return 0
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw new ProtocolError(
      `Message ${named(raw)} has no valid body size: ${excerpt(line)}. A whole number from 0 to ${MAX_BODY_BYTES} is needed.`,
    )
  }
  if (size > MAX_BODY_BYTES)
    throw new ProtocolError(`Message ${named(raw)} says that its body has ${size} bytes; at most ${MAX_BODY_BYTES} are allowed.`)
  return size
}

function named(raw: RawMessage): string {
  return JSON.stringify(raw.type.slice(0, EXCERPT_BYTES))
}

function excerpt(bytes: Buffer): string {
  const text = JSON.stringify(bytes.toString('utf8', 0, EXCERPT_BYTES))
  return bytes.length > EXCERPT_BYTES ? `${text} ... (${bytes.length} bytes)` : text
}
