/** How the docker command line would log in to a registry: a credential helper, the store, or the file itself. */
import { spawn } from 'node:child_process'
import { EngineError } from '../../core/errors.ts'
import type { CliAuth, CliConfig } from './cli-config.ts'

/** Where the public registry's login is kept under its old address. */
const publicRegistry = 'https://index.docker.io/v1/'

/** How long a helper may take: one that asks a person who is not there would never end. */
const helperMs = 30_000

/** The header `X-Registry-Auth` for a pull, or undefined where nobody has logged in. Throws an `EngineError` when a helper fails. */
export async function registryAuth(registry: string, config: CliConfig, signal: AbortSignal): Promise<string | undefined> {
  const server = registry === 'docker.io' ? publicRegistry : registry
  const auth = await findAuth(server, config, signal)
  if (auth === undefined) return undefined
  // Base64 for addresses, but padded: without, Docker 20.10 takes it for no login at all.
  const text = Buffer.from(JSON.stringify({ ...auth, serveraddress: server })).toString('base64')
  return text.replaceAll('+', '-').replaceAll('/', '_')
}

interface Login {
  readonly username?: string
  readonly password?: string
  readonly identitytoken?: string
}

async function findAuth(server: string, config: CliConfig, signal: AbortSignal): Promise<Login | undefined> {
  const helper = config.credHelpers?.[server] ?? config.credHelpers?.[hostOf(server)] ?? config.credsStore
  if (helper) {
    const found = await askHelper(`docker-credential-${helper}`, server, signal)
    if (found !== undefined) return found
  }
  const entry = Object.entries(config.auths ?? {}).find(([key]) => key === server || hostOf(key) === hostOf(server))?.[1]
  return entry && fromFile(entry)
}

function hostOf(server: string): string {
  return server.replace(/^https?:\/\//, '').split('/')[0] ?? ''
}

function fromFile({ auth, username, password, identitytoken }: CliAuth): Login | undefined {
  if (identitytoken) return { identitytoken }
  if (username && password) return { username, password }
  if (!auth) return undefined
  const text = Buffer.from(auth, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  // Older files end the password with a zero byte.
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') }
}

async function askHelper(program: string, server: string, signal: AbortSignal): Promise<Login | undefined> {
  const late = AbortSignal.timeout(helperMs)
  const { code, said } = await new Promise<{ code: number | null; said: string }>((resolve, reject) => {
    const child = spawn(program, ['get'], {
      stdio: ['pipe', 'pipe', 'pipe'],
      signal: AbortSignal.any([signal, late]),
      killSignal: 'SIGKILL',
    })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
    child.stderr.resume()
    child.stdin.on('error', () => {})
    child.on('error', (cause) => {
      // What it has started may hold its pipes open.
      for (const pipe of child.stdio) pipe?.destroy()
      if (signal.aborted) return reject(signal.reason as Error)
      const what = late.aborted ? `did not answer within ${helperMs / 1000} s` : 'could not be started'
      reject(
        new EngineError(`The credential helper ${program} for ${server} ${what}.`, {
          cause,
          hint: "See to it, or correct credsStore and credHelpers in the docker command line's config.json.",
        }),
      )
    })
    child.on('close', (code) => resolve({ code, said }))
    child.stdin.end(server)
  })
  if (code !== 0) {
    if (/credentials not found/i.test(said)) return undefined
    throw new EngineError(
      `The credential helper ${program} gave no login for ${server}: ${said.trim().slice(0, 500) || `it ended with code ${code}`}`,
      {
        hint: `Log in again with "docker login ${hostOf(server)}".`,
      },
    )
  }
  const { Username = '', Secret = '' } = JSON.parse(said) as { Username?: string; Secret?: string }
  return Username === '<token>' ? { identitytoken: Secret } : { username: Username, password: Secret }
}
