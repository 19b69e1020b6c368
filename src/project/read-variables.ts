import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { UsageError } from '../core/errors.ts'

/** The variables of `.env` files; of a name that several files set, the last one stands. */
export function readVariables(files: readonly string[], folder: string, label: string): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const file of files) {
    try {
      Object.assign(variables, parseEnv(readFileSync(resolve(folder, file), 'utf8')))
    } catch (error) {
      throw new UsageError(`${label} ${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`)
    }
  }
  return variables
}
