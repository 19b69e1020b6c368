/** Where another worker finds a task of an installed package, which no tree has in it. */
import { readFileSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import type { TaskSite } from './caller.ts'
import type { TaskRef } from './events.ts'
import { fileOfSpecifier } from './package-file.ts'

interface FoundPackage {
  readonly folder: string
  /** As others import it. */
  readonly name: string
}

/** By the file from which it is looked for, and its own: a task may be called thousands of times. */
const specifiers = new Map<string, string>()

/** By what leads to its file from the file `from` of the project; undefined for a file of no package, or of the project's own. */
export function refInPackage(site: TaskSite, from: string): TaskRef | undefined {
  const found = packageOf(site.file)
  if (!found || from.startsWith(found.folder + sep)) return undefined
  const { folder, name } = found
  const path = relative(folder, site.file).split(sep).join('/')
  const key = JSON.stringify([from, site.file])
  const specifier = specifiers.get(key) ?? [...exportedBy(found), `${name}/${path}`].find((each) => leadsTo(site.file, each, from))
  if (specifier === undefined)
    throw new Error(
      `A task of ${site.file} was called, and package ${name} cannot be found from the project: re-export the task from a file of yours, as you import it: export { ${site.export ?? 'NAME'} } from 'PACKAGE'`,
    )
  specifiers.set(key, specifier)
  return { module: `pkg:${specifier}`, export: site.export ?? '', ordinal: site.ordinal }
}

/** A package that is a link lies anywhere, and its name is the one that it says. */
function packageOf(file: string): FoundPackage | undefined {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const [, installed] = /[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^@\\/][^\\/]*)$/.exec(folder) ?? []
    if (installed !== undefined) return { folder, name: installed.split(sep).join('/') }
    if (basename(folder) === 'node_modules') return undefined
    const { name } = manifestOf(folder)
    if (typeof name === 'string') return { folder, name }
  }
  return undefined
}

/** The specifiers that its manifest lists, without those that are patterns. */
function exportedBy({ folder, name }: FoundPackage): string[] {
  const { exports } = manifestOf(folder)
  const keys = typeof exports === 'object' && exports !== null ? Object.keys(exports) : []
  const subpaths = keys.filter((key) => key.startsWith('./') && !key.includes('*'))
  return [name, ...subpaths.map((key) => `${name}/${key.slice('./'.length)}`)]
}

function leadsTo(file: string, specifier: string, from: string): boolean {
  try {
    return fileOfSpecifier(specifier, from) === file
  } catch {
    return false
  }
}

function manifestOf(folder: string): { readonly name?: unknown; readonly exports?: unknown } {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as object
  } catch {
    return {}
  }
}
