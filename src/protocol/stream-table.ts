/** What is under way, by run and stream. */
export class StreamTable<T> {
  readonly #runs = new Map<string, Map<number, T>>()

  get(run: string, stream: number): T | undefined {
    return this.#runs.get(run)?.get(stream)
  }

  set(run: string, stream: number, entry: T): void {
    const streams = this.#runs.get(run)
    if (streams) streams.set(stream, entry)
    else this.#runs.set(run, new Map([[stream, entry]]))
  }

  delete(run: string, stream: number): void {
    const streams = this.#runs.get(run)
    streams?.delete(stream)
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
