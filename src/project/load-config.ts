import { readFileSync } from 'node:fs'
import { extname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { UsageError } from '../core/errors.ts'
import { isRecord } from '../core/option-checks.ts'
import { checkConfig } from './check-config.ts'
import { compileProject } from './compile-project.ts'
import { FOREIGN_ENDINGS } from './config-endings.ts'
import type { CowaitConfig } from '../core/config-types.ts'
import { leadsOut, toSlashes } from './folders.ts'
import { problemText } from './problem.ts'
import type { ProjectPlace } from './project.ts'

/**
 * Loads a project's config: JSON is read, code is compiled with the project and imported into this process.
 * Without a config file the config is empty. Throws a `UsageError` that names what is wrong.
 */
export async function loadConfig(place: ProjectPlace, file: string | undefined = place.configFile): Promise<CowaitConfig> {
  if (file === undefined) return {}
  const name = nameOf(place, file)
  if (FOREIGN_ENDINGS.includes(extname(file)))
    throw new UsageError(`${name} is not read: a config is TypeScript, JavaScript or JSON. Write it as cowait.config.ts, .js or .json.`)
  return checkConfig(extname(file) === '.json' ? readJsonConfig(file, name) : await importConfig(place, file, name), name)
}

/** Loads the user's own config. What is a matter of one project has no place in it. */
export function loadUserConfig(file: string): CowaitConfig {
  const config = checkConfig(readJsonConfig(file, file), file)
  for (const key of ['tasks', 'envFile'] as const)
    if (config[key] !== undefined) throw new UsageError(`${file}: ${key} belongs into the config of a project`)
  return config
}

function nameOf(place: ProjectPlace, file: string): string {
  const name = toSlashes(relative(place.root, file))
  return leadsOut(name) ? file : name
}

function readJsonConfig(file: string, name: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const problem = code === undefined ? `${name} is not JSON: ${message}` : `${name} cannot be read (${reasons[code] ?? code})`
    throw new UsageError(problem, { cause: error })
  }
}

const reasons: Record<string, string> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'you may not read it: see its permissions with ls -l',
}

interface Namespace {
  readonly default?: unknown
}

async function importConfig(place: ProjectPlace, file: string, name: string): Promise<unknown> {
  const tree = await compileProject(place)
  const path = toSlashes(relative(place.treeRoot, file))
  const problem = tree.problems.find((each) => each.path === path)
  if (problem) throw new UsageError(problemText(problem))
  const compiled = [...tree.modules.values()].find(({ source }) => source === path)?.compiled
  if (compiled === undefined)
    throw new UsageError(
      `${name} is not a file of the project ${place.root}: no such file, or an ignored one. A config in code belongs into the project.`,
    )
  try {
    const config = defaultOf((await import(pathToFileURL(join(tree.directory, compiled)).href)) as Namespace)
    if (config === undefined) throw new UsageError(`${name} has no default export. Write export default { ... }`)
    return config
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${name} could not be loaded: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`, {
      cause: error,
    })
  }
}

/** An ES module that became CommonJS, as in a package of that type, has its default export among its exports. */
function defaultOf({ default: exports }: Namespace): unknown {
  return isRecord(exports) && '__esModule' in exports ? exports['default'] : exports
}
