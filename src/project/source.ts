import { extname, posix } from 'node:path'

/** How Node is to read a compiled file. */
export type Format = 'esm' | 'cjs'

const LOADERS = { '.ts': 'ts', '.mts': 'ts', '.cts': 'ts', '.tsx': 'tsx', '.jsx': 'jsx', '.js': 'js', '.mjs': 'js', '.cjs': 'js' } as const

export type Loader = (typeof LOADERS)[keyof typeof LOADERS]

/** How a file is compiled; undefined for data and for declarations. */
export function loaderOf(path: string): Loader | undefined {
  if (/\.d\.(?:[^./]+\.)?[cm]?ts$/.test(path)) return undefined
  return LOADERS[extname(path) as keyof typeof LOADERS]
}

/** A path without its ending. */
export function stemOf(path: string): string {
  return path.slice(0, path.length - extname(path).length)
}

/** The endings of code, in the order in which a name without one is tried. */
export const CODE_ENDINGS: readonly string[] = ['.ts', '.tsx', '.mts', '.cts', '.js', '.mjs', '.cjs', '.jsx']

/** From one file of a tree to another, as an import specifier. */
export function specifierTo(from: string, to: string): string {
  const path = posix.relative(posix.dirname(from), to)
  return path.startsWith('../') ? path : `./${path}`
}

/** A path as part of a URL: what would end the path or be decoded is escaped. */
export function asUrlPath(path: string): string {
  return encodeURI(path).replaceAll('?', '%3F').replaceAll('#', '%23')
}
