import type { ReportData, ReportRun } from '../report-types.ts'
import { element, formatMs } from './element.ts'
import { VirtualList } from './virtual-list.ts'

const ROW = 28

/** The tree with its waterfall: a row a run, folded at will, filtered by name or by failure. */
export class RunList {
  readonly root: HTMLElement
  readonly #data: ReportData
  readonly #list: VirtualList
  readonly #hasChildren: boolean[]
  readonly #folded = new Set<number>()
  readonly #onSelect: (run: number) => void
  #rows: number[] = []
  #filter = ''
  #onlyFailed = false
  #selected = 0

  constructor(data: ReportData, onSelect: (run: number) => void) {
    this.#data = data
    this.#onSelect = onSelect
    this.#hasChildren = data.runs.map((run, index) => data.runs[index + 1]?.parent === index && run !== undefined)
    const scroller = element('div', 'scroller runs')
    scroller.tabIndex = 0
    scroller.setAttribute('role', 'tree')
    scroller.setAttribute('aria-label', 'Runs')
    scroller.addEventListener('keydown', (event) => this.#onKey(event))
    this.#list = new VirtualList(scroller, ROW, (row) => this.#draw(row))
    this.root = element('section', 'panel', this.#toolbar(), this.#axis(), scroller)
    this.#update()
  }

  select(run: number): void {
    this.#selected = run
    this.#list.reveal(this.#rows.indexOf(run))
    this.#list.refresh()
    this.#onSelect(run)
  }

  #toolbar(): HTMLElement {
    const search = element('input', '')
    search.type = 'search'
    search.placeholder = 'Find runs'
    search.setAttribute('aria-label', 'Find runs')
    search.addEventListener('input', () => {
      this.#filter = search.value.toLowerCase()
      this.#update()
    })
    const failed = element('input', '')
    failed.type = 'checkbox'
    failed.addEventListener('change', () => {
      this.#onlyFailed = failed.checked
      this.#update()
    })
    const legend = (['waiting', 'starting', 'running'] as const).map((status) =>
      element('span', 'legend', element('i', `bar ${status}`), status),
    )
    return element(
      'div',
      'toolbar',
      element('h2', '', 'Runs'),
      search,
      element('label', '', failed, 'failed only'),
      element('span', 'grow'),
      ...legend,
    )
  }

  #axis(): HTMLElement {
    const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
      const tick = element('span', 'tick', formatMs(part * this.#data.spanMs))
      tick.style.left = `${part * 100}%`
      return tick
    })
    return element('div', 'row axis', element('div', 'name'), element('div', 'time'), element('div', 'track', ...ticks))
  }

  #update(): void {
    const { runs } = this.#data
    const isFiltered = this.#filter !== '' || this.#onlyFailed
    const rows: number[] = []
    let hiddenBelow = Number.POSITIVE_INFINITY
    runs.forEach((run, index) => {
      if (isFiltered) {
        if (this.#matches(run)) rows.push(index)
        return
      }
      if (run.depth > hiddenBelow) return
      hiddenBelow = this.#folded.has(index) ? run.depth : Number.POSITIVE_INFINITY
      rows.push(index)
    })
    this.#rows = rows
    this.#list.show(rows.length)
  }

  #matches(run: ReportRun): boolean {
    if (this.#onlyFailed && run.status !== 'failed') return false
    return `${run.id} ${run.task}`.toLowerCase().includes(this.#filter)
  }

  #draw(row: number): HTMLElement {
    const index = this.#rows[row] ?? 0
    const run = this.#data.runs[index]
    if (!run) return element('div', 'row')
    const fold = element('button', 'fold', this.#hasChildren[index] ? (this.#folded.has(index) ? '▸' : '▾') : '')
    fold.tabIndex = -1
    fold.addEventListener('click', (event) => {
      event.stopPropagation()
      this.#toggle(index)
    })
    const name = element(
      'div',
      'name',
      fold,
      element('i', `dot ${run.status}`),
      element('span', 'label', run.label),
      run.attempt > 1 && element('span', 'attempt', `×${run.attempt}`),
    )
    name.style.paddingLeft = `${Math.min(run.depth, 12) * 14}px`
    const track = element(
      'div',
      'track',
      ...run.segments.map((segment) => this.#bar(segment.status, segment.from, segment.to ?? this.#data.spanMs)),
    )
    const spent = run.spentMs.waiting + run.spentMs.starting + run.spentMs.running
    const made = element('div', `row${index === this.#selected ? ' selected' : ''}`, name, element('div', 'time', formatMs(spent)), track)
    made.setAttribute('role', 'treeitem')
    made.title = `${run.id} · ${run.task} · ${run.status}`
    made.addEventListener('click', () => this.select(index))
    return made
  }

  #bar(status: string, from: number, to: number): HTMLElement {
    const bar = element('i', `bar ${status}`)
    bar.style.left = `${(from / this.#data.spanMs) * 100}%`
    bar.style.width = `max(2px, ${((to - from) / this.#data.spanMs) * 100}%)`
    return bar
  }

  #toggle(index: number): void {
    if (!this.#folded.delete(index)) this.#folded.add(index)
    this.#update()
  }

  #onKey(event: KeyboardEvent): void {
    const row = this.#rows.indexOf(this.#selected)
    const next = { ArrowDown: row + 1, ArrowUp: row - 1, Home: 0, End: this.#rows.length - 1 }[event.key]
    if (next !== undefined) {
      const clamped = Math.min(this.#rows.length - 1, Math.max(0, next))
      this.select(this.#rows[clamped] ?? 0)
    } else if (event.key === 'ArrowRight' || event.key === 'ArrowLeft') {
      if (this.#folded.has(this.#selected) === (event.key === 'ArrowRight')) this.#toggle(this.#selected)
    } else return
    event.preventDefault()
  }
}
