/** What is sent with each request so that the API server knows who asks: a token or a certificate, renewed when it runs out. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { EngineError } from '../../core/errors.ts'
import type { Cluster, ExecPlugin } from './kubeconfig.ts'

export interface Credentials {
  readonly authorization?: string
  readonly cert?: string
  readonly key?: string
}

/** The cluster renews a pod's token when 80 % of an hour or more have gone. */
const tokenFileMs = 60_000
/** So long before they run out, new ones are asked for. */
const earlyMs = 60_000
const execBoundMs = 60_000

interface Kept {
  readonly credentials: Credentials
  readonly until: number
}

export class CredentialSource {
  readonly #cluster: Cluster
  readonly #env: NodeJS.ProcessEnv
  #kept: Promise<Kept> | undefined

  constructor(cluster: Cluster, env: NodeJS.ProcessEnv) {
    this.#cluster = cluster
    this.#env = env
  }

  /** Throws an `EngineError` when there are none to be had. */
  async get(): Promise<Credentials> {
    const asked = (this.#kept ??= this.#ask())
    try {
      const { credentials, until } = await asked
      if (until > Date.now()) return credentials
    } catch (error) {
      if (this.#kept === asked) this.#kept = undefined
      throw error
    }
    // Whoever comes first asks for all.
    if (this.#kept === asked) this.#kept = this.#ask()
    return (await (this.#kept ?? this.#ask())).credentials
  }

  /** The API server does not take them: the next caller gets new ones. Answers whether new ones can be had. */
  refuse(): boolean {
    const { exec, tokenFile } = this.#cluster.user
    this.#kept = undefined
    return exec !== undefined || tokenFile !== undefined
  }

  async #ask(): Promise<Kept> {
    const { user } = this.#cluster
    const { cert, key } = user
    const certificate = { ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) }
    if (user.tokenFile !== undefined) {
      const token = await readFile(user.tokenFile, 'utf8').catch((error: unknown) => {
        throw new EngineError(`The token of ${this.#cluster.from} cannot be read: ${(error as Error).message}`, { cause: error })
      })
      return { credentials: { ...certificate, authorization: `Bearer ${token.trim()}` }, until: Date.now() + tokenFileMs }
    }
    if (user.token !== undefined) return { credentials: { ...certificate, authorization: `Bearer ${user.token}` }, until: Infinity }
    if (user.username !== undefined) {
      const pair = Buffer.from(`${user.username}:${user.password ?? ''}`).toString('base64')
      return { credentials: { ...certificate, authorization: `Basic ${pair}` }, until: Infinity }
    }
    if (user.exec && cert === undefined) return await runPlugin(user.exec, this.#cluster, this.#env)
    return { credentials: certificate, until: Infinity }
  }
}

interface ExecCredential {
  readonly status?: {
    readonly token?: string
    readonly clientCertificateData?: string
    readonly clientKeyData?: string
    readonly expirationTimestamp?: string
  }
}

async function runPlugin(plugin: ExecPlugin, cluster: Cluster, env: NodeJS.ProcessEnv): Promise<Kept> {
  const told = {
    apiVersion: plugin.apiVersion,
    kind: 'ExecCredential',
    spec: {
      interactive: false,
      ...(plugin.provideClusterInfo && {
        cluster: {
          server: cluster.server.href,
          ...(cluster.ca !== undefined && { 'certificate-authority-data': Buffer.from(cluster.ca).toString('base64') }),
          ...(cluster.insecure && { 'insecure-skip-tls-verify': true }),
        },
      }),
    },
  }
  const printed = await new Promise<string>((resolve, reject) => {
    const options = { env: { ...env, ...plugin.env, KUBERNETES_EXEC_INFO: JSON.stringify(told) }, timeout: execBoundMs, maxBuffer: 4 << 20 }
    const child = execFile(plugin.command, [...plugin.args], options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout)
      const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
      const why = isMissing ? 'it was not found' : stderr.trim().split('\n').slice(-3).join('\n') || error.message
      reject(
        new EngineError(`The credentials of context ${JSON.stringify(cluster.name)} could not be had: ${plugin.command} failed: ${why}`, {
          cause: error,
          hint: (isMissing ? plugin.installHint : undefined) ?? 'Check that "kubectl get pods" works; a login may have run out.',
        }),
      )
    })
    child.stdin?.end()
  })
  let credential: ExecCredential
  try {
    credential = JSON.parse(printed) as ExecCredential
  } catch (error) {
    // Never the text itself: it may hold a token.
    throw new EngineError(`${plugin.command} printed ${printed.length} characters that are no JSON instead of credentials.`, {
      cause: error,
    })
  }
  const { token, clientCertificateData: cert, clientKeyData: key, expirationTimestamp } = credential.status ?? {}
  if (token === undefined && cert === undefined) throw new EngineError(`${plugin.command} gave neither a token nor a certificate.`)
  const until = expirationTimestamp === undefined ? Infinity : Date.parse(expirationTimestamp) - earlyMs
  return {
    credentials: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    },
    until: Number.isNaN(until) ? Infinity : until,
  }
}
