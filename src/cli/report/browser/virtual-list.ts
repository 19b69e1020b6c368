/** A list of which only the rows in sight exist. All rows have one height. */
export class VirtualList {
  readonly root: HTMLElement
  readonly #inner: HTMLElement
  readonly #rowHeight: number
  readonly #draw: (index: number) => HTMLElement
  #count = 0
  #scheduled = false

  constructor(root: HTMLElement, rowHeight: number, draw: (index: number) => HTMLElement) {
    this.root = root
    this.#rowHeight = rowHeight
    this.#draw = draw
    this.#inner = document.createElement('div')
    this.#inner.className = 'rows'
    root.append(this.#inner)
    root.addEventListener('scroll', () => this.refresh(), { passive: true })
    new ResizeObserver(() => this.refresh()).observe(root)
  }

  show(count: number): void {
    this.#count = count
    this.#inner.style.height = `${count * this.#rowHeight}px`
    this.refresh()
  }

  refresh(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    requestAnimationFrame(() => {
      this.#scheduled = false
      this.#render()
    })
  }

  /** Scrolls as little as it takes. */
  reveal(index: number): void {
    const top = index * this.#rowHeight
    const { scrollTop, clientHeight } = this.root
    if (top < scrollTop) this.root.scrollTop = top
    else if (top + this.#rowHeight > scrollTop + clientHeight) this.root.scrollTop = top + this.#rowHeight - clientHeight
  }

  #render(): void {
    const first = Math.max(0, Math.floor(this.root.scrollTop / this.#rowHeight) - 5)
    const last = Math.min(this.#count, Math.ceil((this.root.scrollTop + this.root.clientHeight) / this.#rowHeight) + 5)
    const rows: HTMLElement[] = []
    for (let index = first; index < last; index++) {
      const row = this.#draw(index)
      row.style.top = `${index * this.#rowHeight}px`
      rows.push(row)
    }
    this.#inner.replaceChildren(...rows)
  }
}
