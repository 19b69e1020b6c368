/** The docker command line's own configuration: which context it uses, and how it logs in to registries. */
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { UsageError } from '../../core/errors.ts'

export interface CliAuth {
  /** Base64 of `user:password`. */
  readonly auth?: string
  readonly username?: string
  readonly password?: string
  readonly identitytoken?: string
}

export interface CliConfig {
  readonly folder: string
  readonly file: string
  readonly currentContext?: string
  readonly auths?: Readonly<Record<string, CliAuth>>
  /** Registry to the program `docker-credential-NAME`. */
  readonly credHelpers?: Readonly<Record<string, string>>
  readonly credsStore?: string
}

/** Reads `config.json` of `DOCKER_CONFIG` or `~/.docker`; without one, nothing is configured. */
export async function readCliConfig(env: NodeJS.ProcessEnv): Promise<CliConfig> {
  const folder = env.DOCKER_CONFIG || join(homedir(), '.docker')
  const file = join(folder, 'config.json')
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch {
    return { folder, file }
  }
  try {
    return { ...(JSON.parse(text) as Omit<CliConfig, 'folder' | 'file'>), folder, file }
  } catch (error) {
    throw new UsageError(`${file} is not JSON. Mend it, or set DOCKER_CONFIG to another folder.`, { cause: error })
  }
}
