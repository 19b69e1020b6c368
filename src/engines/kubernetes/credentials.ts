/**
 * What is sent with each request so that the API server knows who asks: a token or a certificate. New ones are asked for in the
 * background before they run out; nobody waits, and nobody is told of a failure, as long as the old ones serve.
 */
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
/** So long before they run out new ones are asked for, or halfway when they do not last as long. */
const earlyMs = 60_000
/** After a failure in the background. */
const againMs = 5000
const execBoundMs = 60_000

/** Both by the host's clock, since that is what credentials say: where it is wrong, the API server refuses them, and new ones are asked for. */
interface Kept {
  readonly credentials: Credentials
  /** From then on new ones are asked for. */
  readonly renewAt: number
  /** Until then they serve, unless the API server refuses them. */
  readonly until: number
}

export class CredentialSource {
  readonly #cluster: Cluster
  readonly #env: NodeJS.ProcessEnv
  #kept: Kept | undefined
  #renewing: Promise<Kept> | undefined

  constructor(cluster: Cluster, env: NodeJS.ProcessEnv) {
    this.#cluster = cluster
    this.#env = env
  }

  /** Throws an `EngineError` when there are none to be had. */
  async get(): Promise<Credentials> {
    const kept = this.#kept
    const now = Date.now()
    if (!kept || now >= kept.until) return (await this.#renew()).credentials
    if (now >= kept.renewAt) {
      this.#renew().catch(() => {
        if (this.#kept === kept) this.#kept = { ...kept, renewAt: Date.now() + againMs }
      })
    }
    return kept.credentials
  }

  /** The API server does not take these: the next caller gets new ones. Answers whether new ones can be had. */
  refuse(credentials: Credentials): boolean {
    const { exec, tokenFile, certFile, keyFile } = this.#cluster.user
    if (this.#kept?.credentials === credentials) this.#kept = undefined
    return [exec, tokenFile, certFile, keyFile].some((source) => source !== undefined)
  }

  /** Whoever comes first asks for all. */
  #renew(): Promise<Kept> {
    return (this.#renewing ??= this.#ask()
      .then((kept) => (this.#kept = kept))
      .finally(() => (this.#renewing = undefined)))
  }

  async #ask(): Promise<Kept> {
    const { user } = this.#cluster
    const cert = await this.#read('client certificate', user.certFile, user.cert)
    const key = await this.#read('client key', user.keyFile, user.key)
    const certificate = { ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) }
    if (user.tokenFile !== undefined) {
      const token = await this.#read('token', user.tokenFile, '')
      const authorization = `Bearer ${token?.trim()}`
      return { credentials: { ...certificate, authorization }, renewAt: Date.now() + tokenFileMs, until: Infinity }
    }
    if (user.token !== undefined) return { credentials: { ...certificate, authorization: `Bearer ${user.token}` }, ...forEver }
    if (user.username !== undefined) {
      const pair = Buffer.from(`${user.username}:${user.password ?? ''}`).toString('base64')
      return { credentials: { ...certificate, authorization: `Basic ${pair}` }, ...forEver }
    }
    if (user.exec && cert === undefined) return await runPlugin(user.exec, this.#cluster, this.#env)
    return { credentials: certificate, ...forEver }
  }

  /** The file's text as it is now, where there is a file. */
  async #read(what: string, path: string | undefined, text: string | undefined): Promise<string | undefined> {
    if (path === undefined) return text
    return await readFile(path, 'utf8').catch((error: unknown) => {
      throw new EngineError(`The ${what} of ${this.#cluster.from} cannot be read: ${(error as Error).message}`, { cause: error })
    })
  }
}

const forEver = { renewAt: Infinity, until: Infinity }

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
  const until = Date.parse(expirationTimestamp ?? '')
  const now = Date.now()
  return {
    credentials: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    },
    ...(Number.isNaN(until) ? forEver : { renewAt: Math.max(until - earlyMs, (now + until) / 2), until }),
  }
}
