import type { LogLine, ReportData } from '../report-types.ts'
import { element, formatMs } from './element.ts'
import { VirtualList } from './virtual-list.ts'

const ROW = 20

/** All log lines in order, of all runs or of the chosen one and what is below it, searched by text. */
export class LogList {
  readonly root: HTMLElement
  readonly #data: ReportData
  readonly #list: VirtualList
  readonly #count: HTMLElement
  #rows: readonly LogLine[] = []
  #search = ''
  #onlyErrors = false
  #onlySelected = false
  #below: ReadonlySet<number> = new Set()

  constructor(data: ReportData, onPick: (line: LogLine) => void) {
    this.#data = data
    this.#count = element('span', 'count')
    const scroller = element('div', 'scroller log')
    scroller.tabIndex = 0
    scroller.setAttribute('aria-label', 'Log lines')
    this.#list = new VirtualList(scroller, ROW, (row) => this.#draw(row, onPick))
    this.root = element('section', 'panel', this.#toolbar(), scroller)
    this.#update()
  }

  /** The run that was chosen: it and what is below it. */
  choose(run: number): void {
    const below = new Set([run])
    this.#data.runs.forEach((one, index) => {
      if (one.parent !== undefined && below.has(one.parent)) below.add(index)
    })
    this.#below = below
    if (this.#onlySelected) this.#update()
  }

  #toolbar(): HTMLElement {
    const search = element('input', '')
    search.type = 'search'
    search.placeholder = 'Search the log'
    search.setAttribute('aria-label', 'Search the log')
    search.addEventListener('input', () => {
      this.#search = search.value.toLowerCase()
      this.#update()
    })
    return element(
      'div',
      'toolbar',
      element('h2', '', 'Log'),
      search,
      this.#check('chosen run only', (on) => (this.#onlySelected = on)),
      this.#check('errors only', (on) => (this.#onlyErrors = on)),
      element('span', 'grow'),
      this.#count,
    )
  }

  #check(text: string, set: (on: boolean) => void): HTMLElement {
    const box = element('input', '')
    box.type = 'checkbox'
    box.addEventListener('change', () => {
      set(box.checked)
      this.#update()
    })
    return element('label', '', box, text)
  }

  #update(): void {
    const { lines, missing } = this.#data
    this.#rows = lines.filter(
      ([run, , isError, text]) =>
        (!this.#onlySelected || this.#below.has(run)) &&
        (!this.#onlyErrors || isError === 1) &&
        (this.#search === '' || text.toLowerCase().includes(this.#search)),
    )
    const found = `${this.#rows.length.toLocaleString()} ${this.#rows.length === 1 ? 'line' : 'lines'}`
    this.#count.textContent = `${found}${missing > 0 ? `, ${missing.toLocaleString()} not recorded` : ''}`
    this.#list.show(this.#rows.length)
  }

  #draw(row: number, onPick: (line: LogLine) => void): HTMLElement {
    const line = this.#rows[row]
    if (!line) return element('div', 'line')
    const [run, at, isError, text] = line
    const name = element('span', 'from', this.#data.runs[run]?.label ?? '')
    name.style.setProperty('--hue', String((run * 67) % 360))
    const made = element(
      'div',
      `line${isError ? ' error' : ''}`,
      element('span', 'at', formatMs(at)),
      name,
      element('span', 'text', text.slice(0, 2_000)),
    )
    made.addEventListener('click', () => onPick(line))
    return made
  }
}
