/** A value on its way through this process: where its bytes come from and where they go. */
import type { Encoded } from '../core/value.ts'
import type { ValueHeader } from './messages.ts'

/** Where a value's bytes come from: memory, or a file that is read as the other end asks for more. */
export interface Source {
  readonly format: Encoded['format']
  /** Bytes of JSON text; attachments make up the rest. */
  readonly text: number
  /** Bytes in all. */
  readonly size: number
  /** Set where the whole value is in memory anyway: a small one then travels in the frame that announces it. */
  readonly data?: Uint8Array
  read(offset: number, length: number): Promise<Uint8Array> | Uint8Array
}

/** Where a value's bytes go. Each call comes after the one before has settled; `abort` comes last when anything failed, `end` included. */
export interface Sink<T> {
  write(chunk: Uint8Array): Promise<void> | void
  end(): Promise<T> | T
  abort(reason: Error): Promise<void> | void
}

/** A value that a message announces. Whoever handles the message takes it once, in the same turn; a value that nobody takes is stopped. */
export interface IncomingValue {
  readonly header: ValueHeader
  /**
   * Into memory. Rejects when the sender gives up, when the value is too large (a `NotSerializableError` with the code
   * PAYLOAD_TOO_LARGE), and when the channel ends; nobody has to look.
   */
  read(): Promise<Encoded>
  /** Piece by piece: the other end sends on as the sink takes. Rejects as `read` does, and when the sink fails. */
  readInto<T>(sink: Sink<T>): Promise<T>
}

/** A value in memory as a source. */
export function memorySource({ format, textBytes, data }: Encoded): Source {
  return { format, text: textBytes, size: data.length, data, read: (offset, length) => data.subarray(offset, offset + length) }
}

/** A value in memory in the pieces in which it came. */
export function piecesSource({ format, text, size }: Pick<ValueHeader, 'format' | 'text' | 'size'>, pieces: readonly Uint8Array[]): Source {
  const [only] = pieces
  const read = (offset: number, length: number): Uint8Array => {
    const found: Uint8Array[] = []
    let at = 0
    for (const piece of pieces) {
      if (at < offset + length && at + piece.length > offset) found.push(piece.subarray(Math.max(0, offset - at), offset + length - at))
      at += piece.length
    }
    const [first = new Uint8Array(0)] = found
    return found.length > 1 ? Buffer.concat(found) : first
  }
  return { format, text, size, ...(pieces.length === 1 && only ? { data: only } : size === 0 ? { data: new Uint8Array(0) } : {}), read }
}

/** Collects a value in memory. */
export function memorySink(header: Pick<ValueHeader, 'format' | 'text' | 'size'>): Sink<Encoded> {
  let data: Uint8Array = new Uint8Array(0)
  let at = 0
  return {
    write(chunk) {
      // A chunk is the receiver's own, so a value of one chunk is not copied. Memory that is not written to costs nothing yet:
      // a header that lies about its size gains nothing.
      if (at === 0) data = chunk.length === header.size ? chunk : Buffer.allocUnsafeSlow(header.size)
      if (data !== chunk) data.set(chunk, at)
      at += chunk.length
    },
    end: () => ({ format: header.format, textBytes: header.text, data }),
    abort: () => {},
  }
}

/** A source's value in memory. Rejects if it cannot be read. */
export async function readWhole(source: Source): Promise<Encoded> {
  const { format, text, size } = source
  return { format, textBytes: text, data: source.data ?? (await source.read(0, size)) }
}
