/**
 * Where the Docker engine is: a setting, a context of the docker command line, the environment, or the usual places. In the order
 * that the docker command line keeps.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { UsageError } from '../../core/errors.ts'
import { readCliConfig, type CliConfig } from './cli-config.ts'

export interface TlsFiles {
  readonly ca?: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
  readonly verify: boolean
}

export type Endpoint = { /** For people: `unix:///var/run/docker.sock`. */ readonly name: string } & (
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls?: TlsFiles }
  | { readonly kind: 'ssh'; readonly arguments: readonly string[]; readonly program: readonly string[] }
)

export interface EndpointChoice {
  readonly host?: string | undefined
  readonly context?: string | undefined
}

/** Throws a `UsageError` for a host or a context that cannot be, or that does not exist. */
export async function findEndpoint(choice: EndpointChoice, env: NodeJS.ProcessEnv): Promise<Endpoint> {
  if (choice.host !== undefined) return fromUrl(choice.host, 'the setting host', env)
  const config = await readCliConfig(env)
  if (choice.context !== undefined) return fromContext(choice.context, 'the setting context', config, env)
  if (env.DOCKER_HOST) return fromUrl(env.DOCKER_HOST, 'DOCKER_HOST', env)
  if (env.DOCKER_CONTEXT) return fromContext(env.DOCKER_CONTEXT, 'DOCKER_CONTEXT', config, env)
  if (config.currentContext) return fromContext(config.currentContext, `currentContext of ${config.file}`, config, env)
  return usualPlace(env)
}

function usualPlace(env: NodeJS.ProcessEnv): Endpoint {
  const runtime = env.XDG_RUNTIME_DIR
  const places = ['/var/run/docker.sock', join(homedir(), '.docker/run/docker.sock')]
  if (runtime) places.push(join(runtime, 'docker.sock'), join(runtime, 'podman/podman.sock'))
  places.push('/run/podman/podman.sock')
  const path = places.find((place) => existsSync(place)) ?? '/var/run/docker.sock'
  return { name: `unix://${path}`, kind: 'unix', path }
}

async function fromUrl(url: string, source: string, env: NodeJS.ProcessEnv): Promise<Endpoint> {
  const tlsWanted = Boolean(env.DOCKER_TLS_VERIFY) || Boolean(env.DOCKER_TLS)
  const tls = async (): Promise<TlsFiles> => {
    const folder = env.DOCKER_CERT_PATH || join(homedir(), '.docker')
    const files = await readTlsFiles(folder, Boolean(env.DOCKER_TLS_VERIFY) || !env.DOCKER_TLS)
    if (env.DOCKER_TLS_VERIFY && files.ca === undefined) {
      throw new UsageError(
        `DOCKER_TLS_VERIFY is set, but ${join(folder, 'ca.pem')} cannot be read. Set DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem.`,
      )
    }
    return files
  }
  return parseHost(url, source, tlsWanted ? await tls() : undefined, tls)
}

async function parseHost(url: string, source: string, tls: TlsFiles | undefined, loadTls: () => Promise<TlsFiles>): Promise<Endpoint> {
  const scheme = /^([a-z]+):\/\//.exec(url)?.[1]
  if (scheme === 'unix') {
    const path = url.slice('unix://'.length)
    if (path.startsWith('/')) return { name: url, kind: 'unix', path }
  }
  if ((scheme === 'tcp' || scheme === 'http' || scheme === 'https') && URL.canParse(url.replace(/^tcp/, 'http'))) {
    const parsed = new URL(url.replace(/^tcp/, 'http'))
    const files = tls ?? (scheme === 'https' ? await loadTls() : undefined)
    // `new URL` drops a port that is its scheme's own, so the text is asked for it.
    const port = Number(/:(\d+)\/?$/.exec(url)?.[1] ?? (files === undefined ? 2375 : 2376))
    const host = parsed.hostname.replace(/^\[(.*)\]$/, '$1')
    if (host !== '' && (parsed.pathname === '/' || parsed.pathname === '') && port > 0 && port < 65_536) {
      return { name: url, kind: 'tcp', host, port, ...(files === undefined ? {} : { tls: files }) }
    }
  }
  if (scheme === 'ssh' && URL.canParse(url)) {
    const { username, hostname, port, pathname } = new URL(url)
    // A name that begins with a dash would be an option of ssh.
    if (hostname !== '' && !hostname.startsWith('-') && !username.startsWith('-')) {
      const socket = pathname.length > 1 ? ['--host', `unix://${decodeURIComponent(pathname)}`] : []
      return {
        name: url,
        kind: 'ssh',
        arguments: [
          ...(username ? ['-l', decodeURIComponent(username)] : []),
          ...(port ? ['-p', port] : []),
          '-o',
          'ConnectTimeout=30',
          '-T',
          '--',
          hostname,
        ],
        program: ['docker', ...socket, 'system', 'dial-stdio'],
      }
    }
  }
  throw new UsageError(
    `${source} is ${JSON.stringify(url)}, which is no address of a Docker engine. Use unix:///var/run/docker.sock, tcp://host:2376 or ssh://user@host.`,
  )
}

interface ContextMeta {
  readonly Endpoints?: { readonly docker?: { readonly Host?: string; readonly SkipTLSVerify?: boolean } }
}

async function fromContext(name: string, source: string, config: CliConfig, env: NodeJS.ProcessEnv): Promise<Endpoint> {
  if (name === 'default') return env.DOCKER_HOST ? fromUrl(env.DOCKER_HOST, 'DOCKER_HOST', env) : usualPlace(env)
  const id = createHash('sha256').update(name).digest('hex')
  const file = join(config.folder, 'contexts/meta', id, 'meta.json')
  let meta: ContextMeta
  try {
    meta = JSON.parse(await readFile(file, 'utf8')) as ContextMeta
  } catch (error) {
    throw new UsageError(`${source} is ${JSON.stringify(name)}, but there is no such context. "docker context ls" lists them.`, {
      cause: error,
    })
  }
  const docker = meta.Endpoints?.docker
  if (!docker?.Host) throw new UsageError(`The context ${JSON.stringify(name)} names no Docker engine (${file}).`)
  const tls = await readTlsFiles(join(config.folder, 'contexts/tls', id, 'docker'), docker.SkipTLSVerify !== true)
  const used = tls.ca !== undefined || tls.cert !== undefined || docker.SkipTLSVerify === true ? tls : undefined
  return parseHost(docker.Host, `The host of context ${name}`, used, () => Promise.resolve(tls))
}

async function readTlsFiles(folder: string, verify: boolean): Promise<TlsFiles> {
  const [ca, cert, key] = await Promise.all(
    ['ca.pem', 'cert.pem', 'key.pem'].map((file) => readFile(join(folder, file)).catch(() => undefined)),
  )
  return { verify, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
}
