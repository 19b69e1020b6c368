import xterm from '@xterm/headless'
import { Writable } from 'node:stream'
import { Output } from '../../src/cli/output.ts'
import type { Clock } from '../../src/cli/views/clock.ts'

/** A real terminal without a window: it interprets what is written, and says what a person would see. */
export class Terminal {
  readonly output: Output
  written = 0
  readonly #stream: NodeJS.WriteStream
  readonly #terminal: InstanceType<typeof xterm.Terminal>

  constructor(columns: number, rows: number, env: NodeJS.ProcessEnv = { NO_COLOR: '1' }) {
    this.#terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, convertEol: true, scrollback: 100_000 })
    const stream = new Writable({
      decodeStrings: false,
      write: (chunk: string, _encoding, taken) => {
        this.written += chunk.length
        this.#terminal.write(chunk, () => taken())
      },
    })
    this.#stream = Object.assign(stream, { isTTY: true, columns, rows }) as unknown as NodeJS.WriteStream
    this.output = new Output(this.#stream, env)
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows)
    Object.assign(this.#stream, { columns, rows })
    this.#stream.emit('resize')
  }

  /** Everything from the top of the scrollback to the last line that is not empty. */
  async text(): Promise<string> {
    await this.output.flush()
    const { active } = this.#terminal.buffer
    const lines: string[] = []
    for (let row = 0; row < active.length; row++) lines.push(active.getLine(row)?.translateToString(true) ?? '')
    return `${lines.join('\n').trimEnd()}\n`
  }
}

/** Time that passes when the test says so. */
export class ManualClock implements Clock {
  #now: number
  #tick: (() => void) | undefined

  constructor(now: number) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  every(_ms: number, tick: () => void): () => void {
    this.#tick = tick
    return () => (this.#tick = undefined)
  }

  set(now: number): void {
    this.#now = now
  }

  frame(): void {
    this.#tick?.()
  }
}
