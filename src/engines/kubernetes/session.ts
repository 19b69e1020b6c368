/**
 * Frames over a connection that may break and come again: nothing is lost, nothing comes twice. The same code at both ends, the
 * supervisor's and the pod's.
 *
 * 1. A frame is a byte (its type), four bytes (its length) and so many bytes. Types from 250 are the session's own and not counted.
 * 2. What was sent is kept until the other end says that it has it (`received`). Above the bound `send` answers false: the sender waits
 *    for `onRoom`.
 * 3. On a new connection each end first says how much it has received; the other sends the rest again. Whoever made the first
 *    connection knows that the answer will be 0.
 * 4. `beat` is sent when nothing else was said for a while: a connection on which nothing arrives is taken for broken.
 */
const headBytes = 5
const own = { beat: 250, received: 251, resume: 252 } as const
/** Larger payloads are a fault, so that a stranger cannot make us hold them. */
const largestPayload = 1 << 20
const acknowledgeBytes = 128 << 10
const acknowledgeMs = 50
const keptBound = 1 << 20

/** What a session needs of a connection. */
export interface Carrier {
  /** `onWritten` is called when the bytes have left this process, or never will. */
  write(bytes: Uint8Array, onWritten?: () => void): void
  destroy(): void
}

export interface SessionOptions {
  onFrame(type: number, payload: Buffer): void
  /** The other end has taken enough: `send` may be called again. */
  onRoom(): void
  /** The connection said what it must not, or nothing for too long; it was destroyed. */
  onBroken(why: string): void
  readonly beatMs: number
  /** After so long without a word a connection is broken. */
  readonly silenceMs: number
}

interface Sent {
  readonly bytes: Buffer
  /** The count of bytes sent, this frame included. */
  readonly end: number
}

export class Session {
  readonly #options: SessionOptions
  #carrier: Carrier | undefined
  #mayWrite = false
  #kept: Sent[] = []
  #sentBytes = 0
  #confirmedBytes = 0
  #receivedBytes = 0
  #acknowledgedBytes = 0
  #acknowledging: NodeJS.Timeout | undefined
  #beating: NodeJS.Timeout | undefined
  #heardAt = 0
  #pending: Buffer[] = []
  #pendingBytes = 0
  /** How many bytes the next frame needs, as far as known. */
  #neededBytes = headBytes
  #onConfirmed: (() => void)[] = []

  constructor(options: SessionOptions) {
    this.#options = options
  }

  get isConnected(): boolean {
    return this.#carrier !== undefined
  }

  /** Whether anything was ever heard from the other end. */
  get hasHeard(): boolean {
    return this.#heardAt > 0
  }

  /** How many bytes wait for the other end's word. */
  get keptBytes(): number {
    return this.#sentBytes - this.#confirmedBytes
  }

  /** More may be sent; if not, `onRoom` is called when it may. */
  get hasRoom(): boolean {
    return this.keptBytes < keptBound
  }

  /** Goes on over this connection. `isFirst`: the other end has received nothing yet, and knows it. */
  attach(carrier: Carrier, isFirst: boolean): void {
    this.detach()
    this.#carrier = carrier
    this.#pending = []
    this.#pendingBytes = 0
    this.#neededBytes = headBytes
    carrier.write(count(own.resume, this.#receivedBytes))
    this.#acknowledgedBytes = this.#receivedBytes
    this.#mayWrite = isFirst
    if (isFirst) for (const { bytes } of this.#kept) carrier.write(bytes)
    let heardAt = performance.now()
    this.#beating = setInterval(() => {
      if (this.#heardAt > heardAt) heardAt = this.#heardAt
      if (performance.now() - heardAt > this.#options.silenceMs) return this.#break('it fell silent')
      carrier.write(frame(own.beat, Buffer.alloc(0)))
    }, this.#options.beatMs)
  }

  /** The connection is gone; what is sent now waits for the next one. */
  detach(): void {
    clearInterval(this.#beating)
    clearTimeout(this.#acknowledging)
    this.#acknowledging = undefined
    this.#carrier = undefined
    this.#mayWrite = false
  }

  /**
   * False when enough waits for the other end; it is sent all the same. `onWritten` is called when this connection has taken it, or when
   * it waits for the next one.
   */
  send(type: number, payload: Uint8Array, onWritten?: () => void): boolean {
    const bytes = frame(type, payload)
    this.#sentBytes += bytes.length
    this.#kept.push({ bytes, end: this.#sentBytes })
    if (this.#mayWrite && this.#carrier) this.#carrier.write(bytes, onWritten)
    else onWritten?.()
    return this.hasRoom
  }

  /** Resolves when the other end has everything. */
  confirmed(): Promise<void> {
    if (this.keptBytes === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onConfirmed.push(resolve))
  }

  /** Bytes from the connection. */
  take(chunk: Buffer): void {
    this.#heardAt = performance.now()
    this.#pending.push(chunk)
    this.#pendingBytes += chunk.length
    if (this.#pendingBytes < this.#neededBytes) return
    this.#neededBytes = headBytes
    let bytes = this.#pending.length === 1 ? chunk : Buffer.concat(this.#pending)
    while (bytes.length >= headBytes) {
      const length = bytes.readUInt32BE(1)
      if (length > largestPayload) return this.#break(`a frame of ${length} bytes`)
      if (bytes.length < headBytes + length) {
        this.#neededBytes = headBytes + length
        break
      }
      const type = bytes[0] ?? 0
      const payload = bytes.subarray(headBytes, headBytes + length)
      bytes = bytes.subarray(headBytes + length)
      this.#receive(type, payload)
      if (this.#carrier === undefined) return
    }
    this.#pending = bytes.length > 0 ? [bytes] : []
    this.#pendingBytes = bytes.length
  }

  #receive(type: number, payload: Buffer): void {
    switch (type) {
      case own.beat:
        return
      case own.received:
        return this.#confirm(countOf(payload))
      case own.resume: {
        const from = countOf(payload)
        if (from < this.#confirmedBytes || from > this.#sentBytes) return this.#break('it has lost what it received')
        this.#confirm(from)
        if (this.#mayWrite) return
        this.#mayWrite = true
        for (const { bytes } of this.#kept) this.#carrier?.write(bytes)
        return
      }
      default:
        this.#receivedBytes += headBytes + payload.length
        this.#acknowledge()
        this.#options.onFrame(type, payload)
    }
  }

  #acknowledge(): void {
    if (this.#receivedBytes - this.#acknowledgedBytes >= acknowledgeBytes) return this.#acknowledgeNow()
    this.#acknowledging ??= setTimeout(() => this.#acknowledgeNow(), acknowledgeMs)
  }

  /** Says what has been received without waiting for more. */
  #acknowledgeNow(): void {
    clearTimeout(this.#acknowledging)
    this.#acknowledging = undefined
    this.#acknowledgedBytes = this.#receivedBytes
    this.#carrier?.write(count(own.received, this.#receivedBytes))
  }

  #confirm(upTo: number): void {
    if (upTo <= this.#confirmedBytes || upTo > this.#sentBytes) return
    const wasFull = this.keptBytes >= keptBound
    this.#confirmedBytes = upTo
    const first = this.#kept.findIndex(({ end }) => end > upTo)
    this.#kept = first < 0 ? [] : this.#kept.slice(first)
    if (wasFull && this.keptBytes < keptBound) this.#options.onRoom()
    if (this.keptBytes === 0) for (const resolve of this.#onConfirmed.splice(0)) resolve()
  }

  #break(why: string): void {
    const carrier = this.#carrier
    this.detach()
    carrier?.destroy()
    this.#options.onBroken(why)
  }
}

function frame(type: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(headBytes + payload.length)
  bytes[0] = type
  bytes.writeUInt32BE(payload.length, 1)
  bytes.set(payload, headBytes)
  return bytes
}

/** Counts to 2^53: six bytes hold 256 TiB. */
function count(type: number, bytes: number): Buffer {
  const payload = Buffer.alloc(6)
  payload.writeUIntBE(bytes, 0, 6)
  return frame(type, payload)
}

function countOf(payload: Buffer): number {
  return payload.length === 6 ? payload.readUIntBE(0, 6) : -1
}
