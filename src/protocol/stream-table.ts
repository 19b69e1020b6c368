/** What is under way, by run and stream. */
export class StreamTable<T> {
  readonly #runs = new Map<string, Map<number, T>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get(run: string, stream: number): T | undefined {
    return this.#runs.get(run)?.get(stream)
  }

  /** There is none yet. */
  add(run: string, stream: number, entry: T): void {
    this.#size++
    const streams = this.#runs.get(run)
    if (streams) streams.set(stream, entry)
    else this.#runs.set(run, new Map([[stream, entry]]))
  }

  delete(run: string, stream: number): void {
    const streams = this.#runs.get(run)
    if (streams?.delete(stream)) this.#size--
    if (streams?.size === 0) this.#runs.delete(run)
  }

  ofRun(run: string): T[] {
    return [...(this.#runs.get(run)?.values() ?? [])]
  }

  get isEmpty(): boolean {
    return this.#runs.size === 0
  }

  all(): T[] {
    return [...this.#runs.values()].flatMap((streams) => [...streams.values()])
  }
}
