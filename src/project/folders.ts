import { readFileSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'

/** A folder and those around it, innermost first. */
export function above(folder: string): string[] {
  const parent = dirname(folder)
  return parent === folder ? [folder] : [folder, ...above(parent)]
}

export function toSlashes(path: string): string {
  return sep === '/' ? path : path.replaceAll(sep, '/')
}

/** Whether a relative path leads out of the folder that it starts from. */
export function leadsOut(relativePath: string): boolean {
  return /^\.\.(?:[\\/]|$)/.test(relativePath)
}

/** Whether a package's file, links followed, lies where no installation put it. */
export function leavesPackages(file: string): boolean {
  return !toSlashes(file).split('/').includes('node_modules')
}

export interface PackageFile {
  readonly name?: unknown
  readonly type?: unknown
  readonly workspaces?: unknown
  readonly exports?: unknown
}

/** What a folder's `package.json` says, or an empty object where it says nothing. */
export function readPackage(folder: string): PackageFile {
  try {
    const read: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    return typeof read === 'object' && read !== null ? read : {}
  } catch {
    return {}
  }
}
