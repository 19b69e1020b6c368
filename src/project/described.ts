/**
 * What modules have told of their tasks, kept for the next time. An answer holds for the same code, loaded by the same programs with the
 * same packages, in an environment that is the same where the module looked at it.
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readJson, writeWhole } from './cache-folder.ts'
import type { CompiledTree } from './compile-project.ts'
import type { TaskDescription } from './describe.ts'
import { compilerVersion } from './compiler-version.ts'
import { leavesPackages } from './folders.ts'
import { sha256 } from './objects.ts'
import type { VariableReads } from './watch-variables.ts'

interface KeptAnswer {
  readonly tasks: readonly TaskDescription[]
  readonly reads: VariableReads
  /** Of what was read, not the values themselves: there may be secrets among them. */
  readonly environment: string
}

/** Where the answer of a module is kept; undefined where code outside of the tree has a part in it, which may change by itself. */
export function describedPath(tree: CompiledTree, module: string, file: string): string | undefined {
  if (tree.leaving.has(module) || (module.startsWith('pkg:') && leavesPackages(file))) return undefined
  const rest = [module, compilerVersion(), process.version, tree.installed, variableFiles(tree)]
  return join(tree.cacheFolder, 'described', `${tree.hash}-${sha256(JSON.stringify(rest)).slice(0, 16)}.json`)
}

export function readDescribed(path: string, env: NodeJS.ProcessEnv): readonly TaskDescription[] | undefined {
  const kept = readJson(path) as KeptAnswer | undefined
  return kept?.environment === (kept && digestOf(kept.reads, env)) ? kept?.tasks : undefined
}

export function writeDescribed(path: string, tasks: readonly TaskDescription[], reads: VariableReads, env: NodeJS.ProcessEnv): void {
  const kept: KeptAnswer = { tasks, reads, environment: digestOf(reads, env) }
  writeWhole(path, JSON.stringify(kept))
}

/** No part of a tree, and read by many a module while it loads. */
function variableFiles({ root, project = '.' }: CompiledTree): unknown {
  const folder = join(root, project)
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).filter((name) => name.startsWith('.env'))
  const stats = names.sort().map((name) => statSync(join(folder, name), { throwIfNoEntry: false }))
  return stats.map((each, index) => [names[index], each?.size, each?.mtimeMs, each?.ctimeMs])
}

/** Node itself looks at these. */
const READ_BY_NODE = ['LANG', 'LC_ALL', 'NODE_OPTIONS', 'NODE_PATH', 'TZ']
/** Other ones with each prompt or window. They do not count for a module that takes a copy of all, to hand it on. */
const OF_THE_SHELL: ReadonlySet<string> = new Set(['_', 'COLUMNS', 'LINES', 'OLDPWD', 'PWD', 'SHLVL', 'TERM_SESSION_ID', 'WINDOWID'])

function digestOf({ names, isListed }: VariableReads, env: NodeJS.ProcessEnv): string {
  const counts = (name: string): boolean => !isListed || !OF_THE_SHELL.has(name)
  const values = [...READ_BY_NODE, ...names.filter(counts)].map((name) => [name, env[name] ?? null])
  return sha256(JSON.stringify([values, isListed ? Object.keys(env).filter(counts).sort() : []]))
}
