import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const PACKAGE_NAME = 'cowait'

/** The folder of the package that is running, and its version; the same for the sources and for what is built from them. */
export function ownPackage(): { readonly root: string; readonly version: string } {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, 'package.json')
    if (existsSync(file)) {
      const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string }
      if (name === PACKAGE_NAME) return { root: folder, version: version ?? '0.0.0' }
    }
    if (folder === dirname(folder)) throw new Error(`Bug: ${import.meta.url} is not inside of the package ${PACKAGE_NAME}`)
  }
}
