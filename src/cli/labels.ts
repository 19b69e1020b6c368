import type { Colours } from './colours.ts'

const SHORT = 4

/** Short names for runs: `sleep-x7k2` for `sleep-x7k2m9qd`, longer where two would be the same. Stable for as long as it lives. */
export class Labels {
  readonly #byRun = new Map<string, Label>()
  readonly #taken = new Set<string>()
  /** Columns that the widest label so far needs. */
  width = 0

  of(run: string): Label {
    const known = this.#byRun.get(run)
    if (known) return known
    const label = { text: this.#shortest(run), order: this.#byRun.size }
    this.#taken.add(label.text)
    this.#byRun.set(run, label)
    this.width = Math.max(this.width, Math.min(label.text.length, 32))
    return label
  }

  #shortest(run: string): string {
    const dash = run.lastIndexOf('-')
    for (let end = dash + 1 + SHORT; end < run.length; end++) {
      const text = run.slice(0, end)
      if (!this.#taken.has(text)) return text
    }
    return run
  }
}

export interface Label {
  readonly text: string
  /** The n-th run that was seen; decides the colour, so that siblings differ. */
  readonly order: number
}

/** Paints a label in its run's own colour. */
export function paintLabel(label: Label, text: string, colours: Colours): string {
  const palette = [colours.cyan, colours.magenta, colours.yellow, colours.green, colours.blue, colours.red] as const
  const paint = palette[label.order % palette.length] ?? colours.cyan
  return label.order % (2 * palette.length) < palette.length ? paint(text) : colours.bold(paint(text))
}
