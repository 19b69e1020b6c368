import { ProtocolError } from '../errors.ts'
import type { BinaryType } from './binary-types.ts'

/** Attachments begin at multiples of this, counted from the first byte of the document, so that arrays can be views. */
const ALIGNMENT = 8
const SPACE = 0x20

const text = new TextEncoder()

/** The bytes of a document's `bin` tags, in the order of their places behind the text. */
export class AttachmentWriter {
  readonly #parts: { readonly at: number; readonly bytes: Uint8Array }[] = []
  readonly #base: number
  #size: number

  /** `base` bytes of attachments, a multiple of 8, will stand before these: those of items that share the document. */
  constructor(base: number = 0) {
    this.#base = base
    this.#size = base
  }

  /** Where the bytes will be, counted from the end of the text. They are read when the document is finished. */
  add(source: ArrayBufferView | ArrayBufferLike): number {
    const bytes = ArrayBuffer.isView(source)
      ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
      : new Uint8Array(source, 0, source.byteLength)
    const at = this.#size
    this.#parts.push({ at, bytes })
    this.#size = aligned(at + bytes.length)
    return at
  }

  get count(): number {
    return this.#parts.length
  }

  /** Forgets what was added since `count` parts were there. */
  rollBack(count: number): void {
    this.#parts.length = count
    const last = this.#parts.at(-1)
    this.#size = last ? aligned(last.at + last.bytes.length) : this.#base
  }

  /** The whole document. Spaces, which JSON permits, fill the text up to where attachments may begin. */
  finish(json: string): { readonly textBytes: number; readonly data: Uint8Array } {
    const last = this.#parts.at(-1)
    const encoded = text.encode(json)
    if (!last) return { textBytes: encoded.length, data: encoded }
    const textBytes = aligned(encoded.length)
    const start = textBytes - this.#base
    const data = Buffer.allocUnsafeSlow(start + last.at + last.bytes.length)
    data.set(encoded)
    data.fill(SPACE, encoded.length, textBytes)
    let end = textBytes
    for (const { at, bytes } of this.#parts) {
      data.fill(0, end, start + at)
      data.set(bytes, start + at)
      end = start + at + bytes.length
    }
    return { textBytes, data }
  }
}

/** One document of several: their texts as one, and behind it their attachments, each where its writer's base said. */
export function joinDocuments(
  texts: readonly Uint8Array[],
  attachments: readonly Uint8Array[],
): { readonly textBytes: number; readonly data: Uint8Array } {
  const length = texts.reduce((sum, { length }) => sum + length, 0)
  if (attachments.length === 0) return { textBytes: length, data: Buffer.concat(texts) }
  const textBytes = aligned(length)
  // An empty attachment may stand behind the last of them.
  const size = attachments.reduce((sum, bytes) => aligned(sum + bytes.length), 0)
  const data = Buffer.allocUnsafeSlow(textBytes + size)
  let at = 0
  for (const text of texts) {
    data.set(text, at)
    at += text.length
  }
  data.fill(SPACE, at, textBytes)
  at = textBytes
  for (const bytes of attachments) {
    data.set(bytes, at)
    const end = at + bytes.length
    at = aligned(end)
    data.fill(0, end, at)
  }
  return { textBytes, data }
}

/** Where attachments go on behind so many bytes of them. */
export function attachmentBase(bytes: number): number {
  return aligned(bytes)
}

function aligned(size: number): number {
  return Math.ceil(size / ALIGNMENT) * ALIGNMENT
}

/** Hands out the bytes behind a document's text; each byte to one tag only. */
export class AttachmentReader {
  readonly #data: Uint8Array
  readonly #start: number
  readonly #isShared: boolean
  readonly #taken: { readonly at: number; readonly end: number }[] = []
  #unclaimed: number

  constructor(data: Uint8Array, start: number, isShared = false) {
    this.#isShared = isShared
    // A Buffer's `slice` and `subarray` give Buffers, whose `slice` is no copy.
    this.#data = new Uint8Array(data.buffer, data.byteOffset, data.length)
    this.#start = start
    this.#unclaimed = data.length - start
  }

  /** The bytes as they lie in the document, or a copy where it is shared. Throws a `ProtocolError` for a range that is not there or is claimed twice. */
  take(at: unknown, size: unknown): Uint8Array {
    const length = this.#data.length - this.#start
    if (!isCount(at) || !isCount(size) || at + size > length) {
      throw new ProtocolError(`attachment ${String(at)}+${String(size)} is not within the ${length} bytes behind the text`)
    }
    this.#unclaimed -= size
    if (this.#unclaimed < 0) throw overlap()
    if (size > 0) this.#taken.push({ at, end: at + size })
    const bytes = this.#data.subarray(this.#start + at, this.#start + at + size)
    return this.#isShared ? bytes.slice() : bytes
  }

  /** Throws a `ProtocolError` if two attachments share bytes: changing one array would change the other. */
  finish(): void {
    this.#taken.sort((a, b) => a.at - b.at)
    for (let i = 1; i < this.#taken.length; i++) {
      if ((this.#taken[i]?.at ?? 0) < (this.#taken[i - 1]?.end ?? 0)) throw overlap()
    }
  }
}

function overlap(): ProtocolError {
  return new ProtocolError('two attachments share the same bytes')
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** The bytes as an array of the given kind: a view of the document where its place allows, else a copy. */
export function viewOf(bytes: Uint8Array, { view, bytesPerElement }: BinaryType): ArrayBufferView {
  const isAligned = bytes.byteOffset % bytesPerElement === 0
  const { buffer, byteOffset } = isAligned ? bytes : bytes.slice()
  return new view(buffer, byteOffset, bytes.length / bytesPerElement)
}
