import { coloursFor, wantsColours, type Colours } from './colours.ts'

/** What the reader may be behind before lines that can be spared are dropped. */
const OFFER_LIMIT = 32 * 1024 * 1024
const BATCH = 64 * 1024

type Handle = { _handle?: { setBlocking?: (blocking: boolean) => void } }

function setBlocking(stream: NodeJS.WriteStream, isBlocking: boolean): void {
  ;(stream as Handle)._handle?.setBlocking?.(isBlocking)
}

/**
 * One of our two streams. Writing never blocks: text waits in memory while the reader is slow. `offer` is bounded and gives up,
 * `write` never does. A reader that went away is told once to `onClosed`; writing goes on into nothing.
 */
export class Output {
  readonly isTerminal: boolean
  readonly colours: Colours
  readonly hasColours: boolean
  readonly #stream: NodeJS.WriteStream
  #onClosed: (() => void) | undefined
  #closed = false
  #pending = ''
  #scheduled = false
  #waiting: (() => void)[] = []

  constructor(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv) {
    this.#stream = stream
    // Undefined, whatever its type says, where it is no terminal.
    this.isTerminal = (stream.isTTY as boolean | undefined) ?? false
    this.hasColours = wantsColours(this.isTerminal, env)
    this.colours = coloursFor(this.hasColours)
    stream.on('error', this.#onEnd)
    stream.on('close', this.#onEnd)
  }

  get columns(): number {
    return this.#stream.columns || 80
  }

  get rows(): number {
    return this.#stream.rows || 24
  }

  /** Characters that the reader has not taken yet. */
  get behind(): number {
    return this.#pending.length + this.#stream.writableLength
  }

  /** Called once, when nobody reads any more. */
  set onClosed(listener: () => void) {
    this.#onClosed = listener
  }

  onResize(listener: () => void): void {
    this.#stream.on('resize', listener)
  }

  write(text: string): void {
    if (this.#closed) return
    this.#pending += text
    if (this.#pending.length >= BATCH) this.#drain()
    else this.#schedule()
  }

  /** Writes, unless the reader is far behind; then answers false and writes nothing. */
  offer(text: string): boolean {
    if (this.behind > OFFER_LIMIT) return false
    this.write(text)
    return true
  }

  /** Leaves the stream as it was found. */
  release(): void {
    this.#drain()
    this.#stream.off('error', this.#onEnd)
    this.#stream.off('close', this.#onEnd)
    if (this.isTerminal) setBlocking(this.#stream, true)
  }

  /** Resolves when the reader has taken everything, or is gone. */
  flush(): Promise<void> {
    this.#drain()
    if (this.#closed || this.#stream.writableLength === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#stream.write('', () => this.#release())
    })
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#drain()
    })
  }

  #drain(): void {
    if (this.#pending === '' || this.#closed) return
    const text = this.#pending
    this.#pending = ''
    // Each time: a process that we start with our stderr, as the compiler is, makes the pipe a blocking one for all who have it.
    setBlocking(this.#stream, false)
    this.#stream.write(text)
  }

  readonly #onEnd = (): void => {
    if (this.#closed) return
    this.#closed = true
    this.#pending = ''
    this.#release()
    this.#onClosed?.()
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
