import { watch, type FSWatcher } from 'node:fs'
import { dirname, join } from 'node:path'
import type { CompiledTree } from '../project/compile-project.ts'

const SETTLE_MS = 60

/** Tells when something changed in a folder of the tree, once it has been quiet for a moment. */
export class Changes {
  readonly #watchers = new Map<string, FSWatcher>()
  #timer: NodeJS.Timeout | undefined
  #isPending = false
  #resolve: (() => void) | undefined

  watch(tree: CompiledTree): void {
    const folders = new Set([...tree.modules.values()].map(({ source }) => dirname(join(tree.root, source))))
    for (const { path } of tree.files) if (!path.startsWith('.cowait/')) folders.add(dirname(join(tree.root, path)))
    for (const folder of folders) {
      if (this.#watchers.has(folder)) continue
      try {
        this.#watchers.set(
          folder,
          watch(folder, () => this.#changed()).on('error', () => undefined),
        )
      } catch {
        // A folder that holds compiled files only.
      }
    }
  }

  /** Those until now are going to be looked at. */
  forget(): void {
    this.#isPending = false
  }

  next(): Promise<void> {
    return new Promise((done) => {
      this.#resolve = done
      if (this.#isPending) done()
    })
  }

  close(): void {
    clearTimeout(this.#timer)
    for (const watcher of this.#watchers.values()) watcher.close()
  }

  #changed(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#tell(), SETTLE_MS)
  }

  #tell(): void {
    this.#isPending = true
    this.#resolve?.()
  }
}
