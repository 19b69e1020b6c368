/** What to do where code reads a file of the project that is not in its tree: Node's own words name a folder that nobody knows. */
import { existsSync } from 'node:fs'
import { isAbsolute, join, relative, resolve, sep } from 'node:path'
import { isNeverIncluded } from './tree.ts'

const onHost = /^(.*)\/\.cowait\/cache\/trees\/[0-9a-f]{64}-[0-9a-f]{12}\/(.*)$/s

/** A sentence for people, or undefined where the error is about something else. `code` is the folder of the program, where it is known. */
export function leftOutNote(error: unknown, code?: string): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { code: why, syscall = '', path } = error as NodeJS.ErrnoException
  // A command is looked for elsewhere.
  if (why !== 'ENOENT' || typeof path !== 'string' || /^spawn\b/.test(syscall)) return undefined
  const full = resolve(path)
  const [, root, known] = onHost.exec(full.replaceAll(sep, '/')) ?? []
  const below = known ?? (code === undefined ? undefined : placeIn(code, full))
  // The project itself can be looked at by a process on its host alone.
  if (below === undefined || existsSync(full) || (root !== undefined && !existsSync(join(root, below)))) return undefined
  const never = below.split('/').find(isNeverIncluded)
  if (never?.startsWith('.env'))
    return `${below} is never part of the program: give its variables with --env-file, or with envFile in the config.`
  if (root === undefined)
    return never === undefined
      ? `If ${below} is a file of the project, it is not part of the program (left out as a test, or by .gitignore or .cowaitignore): ${lineFor(below, full)}.`
      : undefined
  const from = 'read it from the working directory'
  if (never !== undefined) return `${below} is never part of the program: ${from}.`
  return `${below} is not part of the program (left out as a test, or by .gitignore or .cowaitignore): ${lineFor(below, full)}, or ${from}.`
}

/** A folder that is ignored hides what is in it from any line; one of which all files are ignored is not there either. */
function lineFor(below: string, full: string): string {
  const program = full.slice(0, -below.length)
  const parts = below.split('/').slice(0, -1)
  const folders = parts.map((_, at) => `${parts.slice(0, at + 1).join('/')}/`)
  const missing = folders.find((folder) => !existsSync(join(program, folder)))
  const before = missing === undefined ? '' : ` (and !${missing} before it, where the whole folder is ignored)`
  return `write !${below} into .cowaitignore${before}`
}

function placeIn(folder: string, path: string): string | undefined {
  const way = relative(folder, path)
  return way === '' || way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way) ? undefined : way.split(sep).join('/')
}
