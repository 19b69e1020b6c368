import { dirname, join } from 'node:path'
import { existsSync } from 'node:fs'
import { above, readPackage, type PackageFile } from './folders.ts'

export interface FoundPackage {
  /** Absolute. */
  readonly folder: string
  readonly file: PackageFile
}

/** Finds the package that a file belongs to. Each `package.json` is read once. */
export class Packages {
  readonly #byFolder: Map<string, FoundPackage | undefined> = new Map()

  /** Undefined where there is no `package.json` in any folder around. */
  of(file: string): FoundPackage | undefined {
    return this.#at(dirname(file))
  }

  #at(folder: string): FoundPackage | undefined {
    if (this.#byFolder.has(folder)) return this.#byFolder.get(folder)
    const parent = above(folder)[1]
    const found = existsSync(join(folder, 'package.json'))
      ? { folder, file: readPackage(folder) }
      : parent === undefined
        ? undefined
        : this.#at(parent)
    this.#byFolder.set(folder, found)
    return found
  }
}
