/**
 * What is sent with each request so that the API server knows who asks: a token or a certificate. New ones are asked for in the
 * background before they run out; nobody waits, and nobody is told of a failure, as long as the old ones serve.
 */
import { readFile } from 'node:fs/promises'
import { abortable } from '../../core/abortable.ts'
import { EngineError } from '../../core/errors.ts'
import type { Cluster } from './kubeconfig.ts'
import { runPlugin, type PluginAnswer } from './login-plugin.ts'

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
  readonly #tell: (text: string) => void
  readonly #closing = new AbortController()
  #kept: Kept | undefined
  #renewing: Promise<Kept> | undefined
  /** How many cannot go on without new ones. */
  #waiting = 0

  /** `tell` gets what a login says to people while somebody waits for it. */
  constructor(cluster: Cluster, env: NodeJS.ProcessEnv, tell: (text: string) => void = () => {}) {
    this.#cluster = cluster
    this.#env = env
    this.#tell = tell
  }

  /** Throws an `EngineError` when there are none to be had. A signal ends the waiting; others may wait for the same. */
  async get(signal?: AbortSignal): Promise<Credentials> {
    const kept = this.#kept
    const now = Date.now()
    if (!kept || now >= kept.until) return await this.#wait(signal)
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

  /** Ends a login that goes on. */
  close(): void {
    this.#closing.abort()
  }

  async #wait(signal: AbortSignal | undefined): Promise<Credentials> {
    this.#waiting++
    try {
      const { credentials } = await (signal ? abortable(this.#renew(), signal) : this.#renew())
      return credentials
    } finally {
      this.#waiting--
    }
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
    if (user.exec && cert === undefined) {
      const { signal } = this.#closing
      const tell = (text: string): void => void (this.#waiting > 0 && this.#tell(text))
      return keptOf(await runPlugin({ plugin: user.exec, cluster: this.#cluster, env: this.#env, signal, tell }))
    }
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

function keptOf({ token, clientCertificateData: cert, clientKeyData: key, expirationTimestamp }: PluginAnswer): Kept {
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
