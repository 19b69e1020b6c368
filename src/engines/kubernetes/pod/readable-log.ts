/** The worker's output for people who read the cluster's own log: records as plain lines, marks left out. */
import { OutputLines, type OutputItem } from '../../../protocol/output.ts'

export class ReadableLog {
  readonly #lines: OutputLines
  #text = ''

  constructor() {
    this.#lines = new OutputLines((item) => this.#add(item))
  }

  push(bytes: Uint8Array): string {
    this.#lines.push(bytes)
    return this.#take()
  }

  end(): string {
    this.#lines.end()
    return this.#take()
  }

  #add(item: OutputItem): void {
    if ('flush' in item) return
    const fields = item.fields === undefined ? '' : ` ${JSON.stringify(item.fields)}`
    this.#text += `${item.text}${fields}${item.more ? '' : '\n'}`
  }

  #take(): string {
    const text = this.#text
    this.#text = ''
    return text
  }
}
