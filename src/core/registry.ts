/**
 * Which module a task is. Modules that we compiled register what they export under their name when they have loaded; a task that is
 * not exported, or whose module was not compiled by us, is told by the file that created it and its position among that file's tasks.
 */
import { readFileSync } from 'node:fs'
import { relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TaskSite } from './caller.ts'
import type { TaskPlace } from './definition.ts'
import type { TaskRef } from './events.ts'
import { isOwnFile } from './stack-text.ts'

interface FileRecord {
  places: TaskPlace[]
  /** True once the turn in which the file loaded is over. */
  settled: boolean
}

interface Registry {
  /** By file: the tasks that it created, in order. */
  readonly files: Map<string, FileRecord>
  /** By module name: its namespace object. */
  readonly modules: Map<string, object>
  /** Where in its file's code a task was created, as V8 knows it. */
  readonly sites: WeakMap<TaskPlace, NodeJS.CallSite>
  /** Files whose modules have been evaluated to their end. */
  readonly evaluated: Set<string>
  /** Of tasks that were created after that: what was called then. */
  readonly late: WeakMap<TaskPlace, { readonly stack?: string }>
}

const shared = globalThis as { [key: symbol]: unknown }
const registryKey = Symbol.for('cowait.registry')
const registry = (shared[registryKey] ??= {
  files: new Map(),
  modules: new Map(),
  sites: new WeakMap(),
  evaluated: new Set(),
  late: new WeakMap(),
}) as Registry

/** Compiled modules call this at their end; see project/. */
shared[Symbol.for('cowait.modules')] ??= registerModule

function registerModule(module: string, namespace: object): void {
  registry.modules.set(module, namespace)
  registry.evaluated.add(asPath(rawCallSites(registerModule)[0]?.getFileName() ?? ''))
  for (const [name, value] of Object.entries(namespace)) {
    const place = placeOf(value)
    if (place && !place.ref) place.ref = { module, export: name, ordinal: place.ordinal }
  }
}

function placeOf(value: unknown): TaskPlace | undefined {
  return typeof value === 'function' ? (value as { '~task'?: { place?: TaskPlace } })['~task']?.place : undefined
}

/** Notes that a task is being created, and where. To be called straight from `task()`. */
export function createPlace(below: (...args: never[]) => unknown): TaskPlace {
  const site = callSite(below)
  const file = asPath(site?.getFileName() ?? '')
  const at = { line: site?.getLineNumber() ?? 0, column: site?.getColumnNumber() ?? 0 }
  const known = registry.files.get(file)
  const record = known && !isReload(known, at) ? known : openRecord(file)
  const place: TaskPlace = { file, ...at, ordinal: record.places.length }
  record.places.push(place)
  // Reading the source map costs more than all of this: only who asks for the name needs it.
  if (site) registry.sites.set(place, site)
  if (registry.evaluated.has(file)) {
    const made: { stack?: string } = {}
    // The text is made when it is asked for.
    Error.captureStackTrace(made, below)
    registry.late.set(place, made)
  }
  return place
}

/** The stack at which a task was created that no worker finds: after its module had loaded, and nothing exports it. */
export function lateStackOf(place: TaskPlace): string | undefined {
  return place.ref ? undefined : registry.late.get(place)?.stack
}

/** A file that creates its first task once more, in a later turn, was loaded again (watch mode, test runners). */
function isReload(record: FileRecord, site: { line: number; column: number }): boolean {
  const first = record.places[0]
  return record.settled && first !== undefined && first.line === site.line && first.column === site.column
}

function openRecord(file: string): FileRecord {
  const record: FileRecord = { places: [], settled: false }
  registry.files.set(file, record)
  registry.evaluated.delete(file)
  setImmediate(() => (record.settled = true)).unref()
  return record
}

/** The outermost frame of user code before the module loader: the module that is loading, also through a factory elsewhere. */
function callSite(below: (...args: never[]) => unknown): NodeJS.CallSite | undefined {
  let found: NodeJS.CallSite | undefined
  let foundFile = ''
  for (const site of rawCallSites(below)) {
    const file = site.getFileName() ?? ''
    if (file.startsWith('node:') || file === '' || isOwnFile(file)) {
      if (found) break
      continue
    }
    if (found && isLoaderFrame(file) && !isLoaderFrame(foundFile)) break
    found = site
    foundFile = file
  }
  return found
}

/** The place in the source, where a source map or a test runner that transforms it says how stacks are to be read. */
function writtenAt(place: TaskPlace): { line: number; column: number } {
  const { prepareStackTrace } = Error
  const site = registry.sites.get(place)
  try {
    const stack = site && prepareStackTrace?.(new Error('place'), [site])
    const [, line, column] = /:(\d+):(\d+)\)?$/.exec(String(stack)) ?? []
    return line && column ? { line: Number(line), column: Number(column) } : place
  } catch {
    return place
  }
}

/** Test runners and TypeScript loaders evaluate modules with code of their own, which lives in node_modules. */
function isLoaderFrame(file: string): boolean {
  return file.includes('/node_modules/')
}

function asPath(file: string): string {
  return file.startsWith('file:') ? fileURLToPath(file.replace(/[?#].*$/, '')) : file.replace(/\?.*$/, '')
}

/** Call sites as V8 gives them: no source maps are read, so this is cheap. */
function rawCallSites(below: (...args: never[]) => unknown): NodeJS.CallSite[] {
  const { prepareStackTrace, stackTraceLimit } = Error
  try {
    Error.stackTraceLimit = 50
    Error.prepareStackTrace = (_, sites) => sites
    const holder: { stack?: unknown } = {}
    Error.captureStackTrace(holder, below)
    return Array.isArray(holder.stack) ? (holder.stack as NodeJS.CallSite[]) : []
  } finally {
    Error.prepareStackTrace = prepareStackTrace
    Error.stackTraceLimit = stackTraceLimit
  }
}

/** What goes into a call: the registered name, else the site. */
export function locate(place: TaskPlace): TaskRef | TaskSite {
  if (place.ref) return place.ref
  const name = exportNameOf(place)
  return { file: place.file, ordinal: place.ordinal, ...(name ? { export: name } : {}) }
}

/** A name for people: of a file that was not compiled by us its path from the working directory. */
export function refOf(place: TaskPlace): TaskRef {
  const found = locate(place)
  if ('module' in found) return found
  const path = relative(process.cwd(), found.file).split(sep).join('/')
  return { module: path.replace(/(\.[cm]?[jt]sx?)+$/, ''), export: found.export ?? '', ordinal: found.ordinal }
}

/** The name for ids and logs. */
export function nameOf(place: TaskPlace): string {
  const name = place.ref?.export ?? exportNameOf(place)
  if (name && name !== 'default') return name
  const base = (place.ref?.module ?? place.file).split('/').pop() ?? ''
  return base.replace(/(\.[cm]?[jt]sx?)+$/, '') || 'task'
}

/** Reads `export const NAME = task(` from the source text before the call's position. */
function exportNameOf(place: TaskPlace): string | undefined {
  if (place.exportName === undefined) place.exportName = readExportName(place) ?? null
  return place.exportName ?? undefined
}

function readExportName(place: TaskPlace): string | undefined {
  try {
    const { line, column } = writtenAt(place)
    const lines = readFileSync(place.file, 'utf8').split('\n').slice(0, line)
    const before = [...lines.slice(-5, -1), lines.at(-1)?.slice(0, column - 1) ?? ''].join('\n')
    return /export\s+(?:const|let|var)\s+([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*(?::[^=]*)?=\s*(?:[\w$]+\s*\.\s*)?[\w$]*$/u.exec(
      before,
    )?.[1]
  } catch {
    return undefined
  }
}

/** The tasks that a file has created so far, in order; the file as its module URL or path says. */
export function placesOf(file: string): readonly TaskPlace[] {
  return registry.files.get(asPath(file))?.places ?? []
}
