/** What to do where a task was refused a write into the folder of its program: Node's own words do not say where else. */
import { tmpdir } from 'node:os'
import { isAbsolute, relative, resolve } from 'node:path'

const refused = new Set(['EACCES', 'EROFS', 'EPERM'])
/** What does not write. */
const other = /^(?:spawn|scandir|opendir|connect|listen)\b/

/** A sentence for people, or undefined where the error is about something else. `code` is the folder of the program. */
export function scratchNote(error: unknown, code: string): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { code: why = '', syscall = '', path, dest } = error as NodeJS.ErrnoException & { readonly dest?: unknown }
  if (!refused.has(why) || other.test(syscall)) return undefined
  if (![path, dest].some((one) => typeof one === 'string' && isInside(one, code))) return undefined
  return `The folder of the program is read-only: write to the scratch folder, os.tmpdir() (here ${tmpdir()}), to a volume, or in a process to a folder of your own.`
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, resolve(path))
  return way !== '..' && !way.startsWith('../') && !isAbsolute(way)
}
