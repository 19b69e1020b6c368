/** Larger pieces are kept as they are: copying them would cost more than it saves. */
const MAX_MERGED_BYTES = 16 * 1024

/** Bytes in the order in which they came, in few buffers: small pieces are merged, so that a value sent byte by byte costs its bytes. */
export class Pieces {
  #list: Uint8Array[] = []

  get isEmpty(): boolean {
    return this.#list.length === 0
  }

  /** The piece is the receiver's own from now on. */
  push(piece: Uint8Array): void {
    let merged = piece
    for (let last = this.#list.at(-1); last && isMergeable(last, merged); last = this.#list.at(-1)) {
      this.#list.pop()
      merged = joined([last, merged])
    }
    this.#list.push(merged)
  }

  /** Everything that has come since the last time. */
  take(): readonly Uint8Array[] {
    const list = this.#list
    this.#list = []
    return list
  }
}

/** Copied once for each doubling at most. */
function isMergeable(last: Uint8Array, next: Uint8Array): boolean {
  return last.length < MAX_MERGED_BYTES && next.length < MAX_MERGED_BYTES && last.length <= next.length * 2
}

/** In memory that nothing else shares: a piece that stays keeps nothing but itself. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = Buffer.allocUnsafeSlow(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
