import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { CowaitError, RemoteError, UsageError } from '../core/errors.ts'
import type { RunOptions } from '../core/options.ts'
import { fileOfSpecifier } from '../core/package-file.ts'
import { moduleNamed } from '../core/tree.ts'
import type { CompiledTree } from './compile-project.ts'
import { describedPath, readDescribed, writeDescribed } from './described.ts'
import type { JsonSchema } from './json-schema.ts'
import { guarded } from './describe-guard.ts'
import { didYouMean } from '../core/nearest.ts'
import { ownPackage } from './package-root.ts'
import { problemText } from './problem.ts'
import { inUserPaths } from './user-paths.ts'
import type { VariableReads } from './watch-variables.ts'

/** One exported task, as data. */
export interface TaskDescription {
  readonly export: string
  /** The n-th task (from 0) created while its file loaded. */
  readonly ordinal: number
  /** The label for ids and logs. */
  readonly name: string
  /** What its definition says, in plain units. */
  readonly options: RunOptions
  readonly description?: string
  /** Absent where there is no schema, or where it cannot be said as JSON Schema. */
  readonly input?: JsonSchema
  readonly output?: JsonSchema
}

export type DescribeAnswer =
  | { readonly tasks: readonly TaskDescription[]; readonly reads: VariableReads }
  | { readonly error: { readonly name: string; readonly message: string; readonly stack?: string } }

export interface DescribeOptions {
  readonly signal?: AbortSignal
  /** The environment that the module loads in; this process's own unless told. */
  readonly env?: NodeJS.ProcessEnv
  /** How long the module may load: 20 s unless told, without end if `Infinity`. Exceeding what was told is a `TASK_TIMEOUT`. */
  readonly timeoutMs?: number
}

/**
 * The tasks that a module exports; none is not an error. Asked of the module itself, in a process of its own, once for each version
 * of the program, unless it looked at variables that are others now, or links lead to code of it elsewhere. Throws a `CowaitError` with the code `TASK_NOT_LOADED` for a module that throws, hangs or is no code; its
 * `cause` has the stack in the user's own lines.
 */
export async function describe(tree: CompiledTree, name: string, options: DescribeOptions = {}): Promise<readonly TaskDescription[]> {
  const module = moduleNamed(name, tree.modules) ?? name
  const file = fileOf(tree, module)
  const env = options.env ?? process.env
  const path = describedPath(tree, module, file)
  const known = path && readDescribed(path, env)
  if (known) return known
  const answer = await ask(tree, module, file, { ...options, env })
  if ('late' in answer) throw new CowaitError('TASK_TIMEOUT', answer.late)
  if ('error' in answer) throw notLoaded(tree, module, answer.error)
  if (path) writeDescribed(path, answer.tasks, answer.reads, env)
  return answer.tasks
}

function fileOf(tree: CompiledTree, module: string): string {
  if (module.startsWith('pkg:')) return fileOfPackage(tree, module.slice('pkg:'.length))
  const place = tree.modules.get(module)
  if (!place) {
    const hint = didYouMean(module, tree.modules.keys())
    throw new UsageError(
      `${module} is not a module of the program in ${tree.root}: no such file, or one that is left out: a test, or by .gitignore or .cowaitignore.${hint}`,
    )
  }
  const problem = tree.problems.find(({ path }) => path === place.source)
  if (problem) throw new CowaitError('TASK_NOT_LOADED', problemText(problem))
  return join(tree.directory, place.compiled)
}

/** As workers find it (worker/module-files.ts). */
function fileOfPackage(tree: CompiledTree, specifier: string): string {
  const from = join(tree.root, tree.project ?? '.', 'package.json')
  try {
    return fileOfSpecifier(specifier, from)
  } catch (error) {
    throw new UsageError(`Package ${specifier} cannot be loaded from ${tree.root}: ${(error as Error).message.split('\n', 1)[0]}`)
  }
}

const LOAD_MS = 20_000
/** For the rest of what it said and printed. */
const REST_MS = 1_000

async function ask(
  tree: CompiledTree,
  module: string,
  file: string,
  { signal, env, timeoutMs: told }: DescribeOptions,
): Promise<DescribeAnswer | { readonly late: string }> {
  const timeoutMs = told ?? LOAD_MS
  signal?.throwIfAborted()
  const program = join(ownPackage().root, 'dist', 'describe.js')
  const child = spawn('/bin/sh', guarded([process.execPath, program, pathToFileURL(file).href]), {
    cwd: join(tree.root, tree.project ?? '.'),
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
  })
  try {
    await once(child, 'spawn')
  } catch (error) {
    return { error: { name: 'Error', message: `no process could be started for it in ${tree.root} (${(error as Error).message})` } }
  }
  const [, out, err, answer, guard] = child.stdio
  const printed = tail(out as Readable, err as Readable)
  const said = collect(answer as Readable)
  guard?.on('error', () => undefined)
  const release = (): void => void guard?.destroy()
  let isLate = false
  const expire = (): void => {
    isLate = true
    release()
  }
  const timer = timeoutMs === Infinity ? undefined : setTimeout(expire, timeoutMs)
  if (signal?.aborted) release()
  signal?.addEventListener('abort', release, { once: true })
  try {
    const [code, exitSignal] = await ended(child, release)
    signal?.throwIfAborted()
    const text = await said
    if (text !== '') return JSON.parse(text) as DescribeAnswer
    const how = isLate ? `did not load within ${timeoutMs / 1000} s` : `ended the process while it loaded (${exitSignal ?? exitText(code)})`
    const lines = printed().replace(OWN_WAITING, '').trimEnd()
    const message = `${module} ${how}.${lines === '' ? '' : ` It printed:\n${lines}`}`
    return isLate && told !== undefined ? { late: message } : { error: { name: 'Error', message } }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', release)
    release()
  }
}

/** What Node 22 and later say of our own waiting for the module; what they say of the module's is worth its lines. */
const OWN_WAITING = /Warning: Detected unsettled top-level await at \S*\/describe\.js:\d+\n.*\n *\^\n*/

/** With 13 Node leaves when nothing can end the loading any more. */
function exitText(code: number | null): string {
  const why = code === 13 ? ': an await at its top level, or at that of a module that it imports, never ends' : ''
  return `exit code ${code}${why}`
}

/** Waits until a process has ended and what it printed has come; not for what it has started and let go, which may hold its streams. */
async function ended(child: ChildProcess, release: () => void): Promise<readonly [code: number | null, signal: NodeJS.Signals | null]> {
  const closed = once(child, 'close')
  const exit = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  release()
  const timer = setTimeout(() => {
    for (const stream of child.stdio) stream?.destroy()
  }, REST_MS)
  await closed
  clearTimeout(timer)
  return exit
}

function notLoaded(
  tree: CompiledTree,
  module: string,
  error: { readonly name: string; readonly message: string; readonly stack?: string },
): CowaitError {
  const source = tree.modules.get(module)?.source ?? module
  const message = inUserPaths(error.message, tree)
  const cause = new RemoteError(message, { name: error.name, ...(error.stack !== undefined && { stack: inUserPaths(error.stack, tree) }) })
  return new CowaitError('TASK_NOT_LOADED', `${source} could not be loaded: ${error.name}: ${message}`, { cause })
}

/** All that comes until the stream is destroyed. */
async function collect(stream: Readable): Promise<string> {
  let text = ''
  stream.setEncoding('utf8').on('data', (part: string) => (text += part))
  await once(stream, 'close')
  return text
}

/** Reads all that is printed, and keeps the end of it. */
function tail(...streams: Readable[]): () => string {
  let kept = ''
  for (const stream of streams) stream.setEncoding('utf8').on('data', (part: string) => (kept = (kept + part).slice(-4000)))
  return () => kept.trim().split('\n').slice(-20).join('\n')
}
