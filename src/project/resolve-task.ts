import { existsSync, readFileSync, readdirSync, realpathSync, statSync, type Dirent } from 'node:fs'
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { UsageError } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'
import { isNeverIncluded } from '../core/tree.ts'
import { leadsOut, toSlashes } from './folders.ts'
import { IgnoreRules } from './ignore-rules.ts'
import { moduleName } from './module-name.ts'
import type { Project } from './project.ts'
import { CODE_ENDINGS, loaderOf, stemOf } from './source.ts'

/** The module that a task's name means, and the export if the name says one. */
export interface TaskPlace {
  /** Absolute; for a task of an installed package, the package's specifier. */
  readonly file: string
  readonly module: string
  readonly export?: string
}

/**
 * What `cowait run NAME` means. NAME is `place` or `place:export`; the place is a path with or without its ending, from `cwd`, from
 * the project's root or from one of its task folders, or the same with dots for slashes, or an installed package.
 * Throws a `UsageError` for none, with the nearest names, and for two.
 */
export async function resolveTask(project: Project, name: string, cwd: string): Promise<TaskPlace> {
  const colon = name.lastIndexOf(':')
  const place = colon < 0 ? name : name.slice(0, colon)
  const exportName = colon < 0 ? undefined : name.slice(colon + 1)
  if (place === '' || exportName === '')
    throw new UsageError(`${JSON.stringify(name)} is not the name of a task. Write a file, or file:export.`)
  const asked = exportName === undefined ? {} : { export: exportName }

  const found = findFile(project, place, cwd)
  if (found !== undefined) {
    const file = join(realpathSync(dirname(found)), basename(found))
    if (leadsOut(relative(project.treeRoot, file))) throw new UsageError(`${place} lies outside of the project ${project.root}.`)
    if (loaderOf(file) === undefined)
      throw new UsageError(`${place} is not code that runs here. Tasks are in files that end with ${CODE_ENDINGS.join(' ')}.`)
    return { file, module: moduleName(project, file), ...asked }
  }
  if (await isInstalled(project, place)) return { file: place, module: `pkg:${place}`, ...asked }
  throw unknownTask(project, place, cwd)
}

function findFile(project: Project, place: string, cwd: string): string | undefined {
  const folders = [cwd, project.root, ...(project.config.tasks ?? []).map((folder) => resolve(project.root, folder))]
  const dotted = /^[\w-]+(?:\.[\w-]+)+$/.test(place) ? [place.replaceAll('.', '/')] : []
  for (const path of [place, ...dotted]) {
    for (const folder of isAbsolute(path) ? ['/'] : folders) {
      const found = filesFor(resolve(folder, path))
      if (found.length > 1)
        throw new UsageError(
          `${place} could be ${found.map((file) => toSlashes(relative(cwd, file))).join(' or ')}. Say which, with its ending.`,
        )
      if (found[0] !== undefined) return found[0]
    }
  }
  return undefined
}

/** All files that a path may mean at one place. */
function filesFor(path: string): string[] {
  if (isFile(path)) return [path]
  const direct = CODE_ENDINGS.map((ending) => path + ending).filter(isFile)
  return direct.length > 0 ? direct : CODE_ENDINGS.map((ending) => join(path, `index${ending}`)).filter(isFile)
}

async function isInstalled(project: Project, place: string): Promise<boolean> {
  if (!/^(?:@[\w.-]+\/)?[\w-][\w.-]*(?:\/[\w./-]+)?$/.test(place)) return false
  const { Resolver } = await import('./resolver.ts')
  const importer = toSlashes(relative(project.treeRoot, join(project.root, 'x.mjs')))
  return new Resolver(project.treeRoot).resolve(importer, place, 'import')?.type === 'package'
}

function unknownTask(project: Project, place: string, cwd: string): UsageError {
  const names = namesIn(project)
  const known = names.map((name) => fromFolder(project, name, cwd))
  const forms = new Map(known.flatMap((name) => [name, stemOf(name), basename(name), stemOf(basename(name))].map((form) => [form, name])))
  const exporting = names.slice(0, 200).find((name) => hasExport(join(project.root, name), place))
  const byExport = exporting && `${stemOf(fromFolder(project, exporting, cwd))}:${place}`
  const [, module = '', task = ''] = /^(.+)\.(\w+)$/.exec(place) ?? []
  const byDot = forms.has(module) ? `${module}:${task}` : undefined
  const meant = byExport ?? forms.get(nearest(place, forms.keys()) ?? '') ?? byDot
  const where = resolve(cwd) === project.root ? project.root : `${cwd} or in the project ${project.root}`
  return new UsageError(
    `There is no task ${JSON.stringify(place)} in ${where}. ${meant === undefined ? listText(known) : `Did you mean ${meant}?`}`,
  )
}

const LISTED = 10

function listText(known: readonly string[]): string {
  if (known.length === 0) return 'There is no code at all.'
  const listed = `There are ${known.slice(0, LISTED).join(', ')}`
  return known.length > LISTED ? `${listed} and ${known.length - LISTED} more; "cowait list" shows the tasks in them.` : `${listed}.`
}

/** For somebody who only remembers `square` of `jobs/math:square`. */
function hasExport(file: string, name: string): boolean {
  if (!/^\w+$/.test(name)) return false
  try {
    return new RegExp(`^export (?:const|let|var) ${name}\\b`, 'm').test(readFileSync(file, 'utf8'))
  } catch {
    return false
  }
}

/** Code files by their paths from the project's root, except those that are ignored; a few levels are enough to help. */
function namesIn(project: Project): string[] {
  const names: string[] = []
  const walk = (folder: string, rules: IgnoreRules, depth: number): void => {
    for (const entry of entriesOf(folder)) {
      const path = join(folder, entry.name)
      if (isNeverIncluded(entry.name) || entry.name.startsWith('.') || names.length > 1000) continue
      if (rules.ignores(path, entry.isDirectory())) continue
      if (entry.isDirectory() && depth < 4 && isReadable(path)) walk(path, rules.inside(path), depth + 1)
      else if (entry.isFile() && loaderOf(path) && !/(?:^|\.)config\.\w+$/.test(entry.name))
        names.push(toSlashes(relative(project.root, path)))
    }
  }
  walk(project.root, IgnoreRules.of(project.root, project.treeRoot), 0)
  return names.sort((a, b) => a.split('/').length - b.split('/').length || (a < b ? -1 : 1))
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

/** The folder that somebody happens to stand in may be any, the root of all included. */
function isReadable(folder: string): boolean {
  try {
    readFileSync(join(folder, '.gitignore'))
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

/** As it would be written in the working directory, where that is inside of the project. */
function fromFolder(project: Project, name: string, cwd: string): string {
  const path = toSlashes(relative(cwd, join(project.root, name)))
  return leadsOut(path) ? name : path
}

function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile()
}
