import { existsSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/**
 * The file that `SPECIFIER` of a module `pkg:SPECIFIER` means, seen from the file `from`: what Node's `require` or `default` condition
 * says, or else a file of the package by its path, which tasks have that the package exports from another file than their own.
 */
export function fileOfSpecifier(specifier: string, from: string): string {
  const require = createRequire(from)
  try {
    return require.resolve(specifier)
  } catch (error) {
    const file = fileByPath(specifier, require)
    if (file === undefined) throw error
    return file
  }
}

function fileByPath(specifier: string, require: NodeJS.Require): string | undefined {
  const [, name = '', path] = /^((?:@[^/]+\/)?[^/]+)\/(.+)$/s.exec(specifier) ?? []
  if (path === undefined || path.split('/').includes('..')) return undefined
  const folder = require.resolve.paths(name)?.find((each) => existsSync(join(each, name)))
  const file = folder && join(folder, name, path)
  return file && existsSync(file) ? realpathSync(file) : undefined
}
