import { statSync, watch, type FSWatcher } from 'node:fs'
import { dirname, join } from 'node:path'
import type { CompiledTree } from '../project/compile-project.ts'

const SETTLE_MS = 60

interface Watched {
  readonly watcher: FSWatcher
  /** Tells the folder from a later one of the same path, which the watcher does not see. */
  readonly identity: string
}

/** Tells when something changed in a folder of the tree, once it has been quiet for a moment. */
export class Changes {
  readonly #watched = new Map<string, Watched>()
  #timer: NodeJS.Timeout | undefined
  #isPending = false
  #resolve: (() => void) | undefined

  /** To be called with each version of the tree: folders come and go, and may be made again. */
  watch(tree: CompiledTree): void {
    const folders = foldersOf(tree)
    for (const [folder, { watcher, identity }] of this.#watched) {
      if (folders.has(folder) && identityOf(folder) === identity) continue
      watcher.close()
      this.#watched.delete(folder)
    }
    for (const folder of folders) if (!this.#watched.has(folder)) this.#watch(folder)
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
    for (const { watcher } of this.#watched.values()) watcher.close()
  }

  #watch(folder: string): void {
    const identity = identityOf(folder)
    // One that holds compiled files only, or has just gone.
    if (identity === undefined) return
    try {
      this.#watched.set(folder, { watcher: watch(folder, () => this.#changed()).on('error', () => undefined), identity })
      // What came since the tree was read and before this is told by nobody.
      this.#changed()
    } catch {
      // It has just gone, or may not be watched.
    }
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

/** With those above them: that a folder is made again shows in the one that it lies in. */
function foldersOf({ root, files }: CompiledTree): Set<string> {
  const folders = new Set([root])
  const add = (folder: string): void => {
    if (folders.has(folder) || folder === dirname(folder)) return
    folders.add(folder)
    add(dirname(folder))
  }
  for (const { path } of files) if (!path.startsWith('.cowait/')) add(dirname(join(root, path)))
  return folders
}

/** The file system gives an inode's number to the next folder when the first is gone. */
function identityOf(folder: string): string | undefined {
  const stats = statSync(folder, { throwIfNoEntry: false })
  return stats && `${stats.ino} ${stats.birthtimeMs}`
}
