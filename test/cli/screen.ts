import { Writable } from 'node:stream'
import { Output } from '../../src/cli/output.ts'

/** A stream that remembers what was written: a terminal of a given size, or a pipe. */
export class Screen {
  text = ''
  readonly output: Output
  readonly stream: NodeJS.WriteStream
  /** While set, the reader takes nothing. */
  #stalled: (() => void)[] | undefined

  constructor({ columns, rows = 24, env = {} }: { columns?: number; rows?: number; env?: NodeJS.ProcessEnv } = {}) {
    const stream = new Writable({
      decodeStrings: false,
      write: (chunk: string, _encoding, taken) => {
        this.text += chunk
        if (this.#stalled) this.#stalled.push(taken)
        else taken()
      },
    })
    this.stream = Object.assign(stream, { isTTY: columns !== undefined, columns, rows }) as unknown as NodeJS.WriteStream
    this.output = new Output(this.stream, env)
  }

  stall(): void {
    this.#stalled ??= []
  }

  resume(): void {
    const taken = this.#stalled ?? []
    this.#stalled = undefined
    for (const one of taken) one()
  }
}
