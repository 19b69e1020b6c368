import { cut, MAX_LINE } from '../protocol/cut-summary.ts'
import { OutputLines, type OutputItem } from '../protocol/output.ts'
import { throwLater } from './throw-later.ts'

const keptLines = 20
const heapIsFull = /^FATAL ERROR: .*JavaScript heap out of memory/
const nativeStack = /^(-----|\s*\d+: 0x|$)/

/**
 * What a worker prints: always drained, told line by line, with the last lines kept for the case that the worker is lost. When telling
 * fails, which is a bug, it is told no more; the output is drained all the same, or its worker would block.
 */
export class Printed {
  /** Resolves when the last writer is gone; never rejects. */
  readonly ended: Promise<void>
  readonly #last: string[] = []
  readonly #marks = new Set<string>()
  #onMark: (() => void) | undefined
  #ranOutOfHeap = false

  constructor(output: AsyncIterable<Uint8Array>, tell: (item: Extract<OutputItem, { text: string }>) => void) {
    this.ended = this.#drain(output, tell)
  }

  get lastLines(): readonly string[] {
    return this.#last
  }

  /** Whether Node said so; it says nowhere else why it aborted. */
  get ranOutOfHeap(): boolean {
    return this.#ranOutOfHeap
  }

  /** Resolves when the mark has come down the output, or nothing can come any more. */
  flushed(token: string): Promise<void> {
    if (this.#marks.has(token)) return Promise.resolve()
    const marked = new Promise<void>((resolve) => (this.#onMark = () => this.#marks.has(token) && resolve()))
    return Promise.race([marked, this.ended])
  }

  async #drain(output: AsyncIterable<Uint8Array>, tell: (item: Extract<OutputItem, { text: string }>) => void): Promise<void> {
    let isTelling = true
    const lines = new OutputLines((item) => {
      if ('flush' in item) return this.#mark(item.flush)
      this.#keep(item.text)
      if (!isTelling) return
      try {
        tell(item)
      } catch (error) {
        isTelling = false
        throwLater(error)
      }
    })
    try {
      for await (const chunk of output) lines.push(chunk)
    } catch {
      // A torn output has no more lines; how the worker ended is told by its exit.
    }
    lines.end()
  }

  /** The native stack that Node prints at the end of its heap would push out everything that helps. */
  #keep(text: string): void {
    if (this.#ranOutOfHeap && nativeStack.test(text)) return
    this.#ranOutOfHeap ||= heapIsFull.test(text)
    this.#last.push(text.length > MAX_LINE ? copied(cut(text, MAX_LINE)) : text)
    if (this.#last.length > keptLines) this.#last.shift()
  }

  /** Only a worker's own token is ever waited for; user code may print any number of others. */
  #mark(token: string): void {
    if (this.#marks.size < 100) this.#marks.add(token)
    this.#onMark?.()
  }
}

/** A piece of a text keeps the whole of it in memory. */
function copied(text: string): string {
  return Buffer.from(text).toString()
}
