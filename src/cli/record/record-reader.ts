import { closeSync, openSync, readSync } from 'node:fs'
import type { RunEvent } from '../../core/events.ts'
import { parseLines, type RecordHeader, type RecordResult } from './record.ts'

export type RecordLine = RunEvent | RecordResult | RecordHeader

/** Reads a record as far as it is written, and goes on from there the next time. */
export class RecordReader {
  readonly #descriptor: number
  readonly #decoder = new TextDecoder()
  #rest = ''

  constructor(file: string) {
    this.#descriptor = openSync(file, 'r')
  }

  read(): RecordLine[] {
    const buffer = Buffer.alloc(1024 * 1024)
    let text = this.#rest
    for (let length = readSync(this.#descriptor, buffer, {}); length > 0; length = readSync(this.#descriptor, buffer, {})) {
      text += this.#decoder.decode(buffer.subarray(0, length), { stream: true })
    }
    const end = text.lastIndexOf('\n') + 1
    this.#rest = text.slice(end)
    return parseLines(text.slice(0, end)) as RecordLine[]
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}
