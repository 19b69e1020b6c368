/** Bytes that wait for one reader. */
export class OutputQueue implements AsyncIterable<Uint8Array> {
  /** Called when a chunk was taken. */
  onRoom: () => void = () => {}
  /** Above so many bytes the oldest are dropped; never unless told. */
  dropAbove: number = Infinity
  #chunks: Uint8Array[] = []
  #bytes = 0
  #ended = false
  #wake: (() => void) | undefined

  /** How many bytes wait. */
  get bytes(): number {
    return this.#bytes
  }

  push(chunk: Uint8Array): void {
    if (this.#ended) return
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    while (this.#bytes > this.dropAbove && this.#chunks.length > 1) this.#bytes -= this.#chunks.shift()?.length ?? 0
    this.#wake?.()
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      // All that waits in one piece: a worker that prints a million short lines is a million chunks.
      const chunks = this.#chunks
      if (chunks.length > 0) {
        this.#chunks = []
        this.#bytes = 0
        this.onRoom()
        yield chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
      } else if (this.#ended) {
        return
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve))
        this.#wake = undefined
      }
    }
  }
}
