/**
 * The last bytes on a stream of a container that outlives its worker: a zero byte, a word that is nobody else's, a space, the worker's
 * exit code in three digits and a line feed. They may arrive in any pieces.
 */
import { randomBytes } from 'node:crypto'

export class EndMark {
  readonly word: string = randomBytes(12).toString('hex')

  /** For one stream: takes it chunk by chunk, and answers what belongs to it and, once the mark came, the code. */
  reader(): (chunk: Buffer) => { readonly data: Buffer; readonly code?: number } {
    const head = Buffer.from(`\0${this.word} `)
    const length = head.length + 4
    let held: Buffer = Buffer.alloc(0)
    return (chunk) => {
      const all = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      held = Buffer.alloc(0)
      const whole = all.indexOf(head)
      if (whole !== -1 && all.length >= whole + length) {
        return { data: all.subarray(0, whole), code: Number(all.toString('latin1', whole + head.length, whole + head.length + 3)) }
      }
      // What may be the beginning of the mark waits for the rest.
      let from = whole === -1 ? all.indexOf(0, Math.max(0, all.length - head.length)) : whole
      while (from !== -1 && whole === -1 && !all.subarray(from).equals(head.subarray(0, all.length - from))) from = all.indexOf(0, from + 1)
      if (from === -1) return { data: all }
      held = Buffer.from(all.subarray(from))
      return { data: all.subarray(0, from) }
    }
  }
}
