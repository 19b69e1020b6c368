import type { Output } from '../../output.ts'
import { fit, widthOf } from './row-text.ts'

const CLEAR_BELOW = '\u001b[0J'

/** The lines at the bottom of a terminal that are drawn over and over; what is printed above them scrolls away as usual. */
export class Region {
  readonly #output: Output
  #widths: number[] = []

  constructor(output: Output) {
    this.#output = output
  }

  /** Prints `above` for good and draws `lines` below it, in one write. */
  draw(above: string, lines: readonly string[]): void {
    const columns = this.#output.columns
    const fitted = lines.map((line) => fit(line, columns - 1))
    const clear = this.#clearing()
    this.#widths = fitted.map(widthOf)
    if (clear || above || fitted.length > 0) this.#output.write(`${clear}${above}${fitted.map((line) => `${line}\n`).join('')}`)
  }

  clear(above = ''): void {
    this.draw(above, [])
  }

  /** Back to where the region began. A terminal that became narrower has wrapped the lines that were drawn. */
  #clearing(): string {
    const columns = this.#output.columns
    const rows = this.#widths.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0)
    return rows === 0 ? '' : `\r\u001b[${Math.min(rows, this.#output.rows)}A${CLEAR_BELOW}`
  }
}
