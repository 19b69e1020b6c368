/**
 * The dozen calls of the Kubernetes API that cowait needs, over `node:https`, and streams over `ws`. `@kubernetes/client-node` costs
 * 250 to 350 ms and 80 MB at import, and its port-forward knows no back pressure.
 */
import { Agent as PlainAgent, request as plainRequest, type AgentOptions, type IncomingMessage, type RequestOptions } from 'node:http'
import { Agent, request } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { WebSocket } from 'ws'
import { ApiError, isPassing, retryAfterMs } from './api-error.ts'
import type { ApiStatus } from './api-types.ts'
import { CredentialSource, type Credentials } from './credentials.ts'
import type { Cluster, Impersonation } from './kubeconfig.ts'

export interface CallOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body?: unknown
  /** `application/json` unless told. */
  readonly contentType?: string
  readonly signal?: AbortSignal | undefined
  /** How long a busy or returning API server is asked again; 10 s unless told. */
  readonly patienceMs?: number
  /** An API server that says nothing at all for so long is taken for gone; 15 s unless told. */
  readonly silenceMs?: number
  /** It waits for no other call to be done with a connection. */
  readonly isUrgent?: boolean
}

export interface SocketOptions {
  readonly query: string | URLSearchParams
  readonly protocol: string
  /** Gives up while it is not open. */
  readonly signal?: AbortSignal | undefined
}

interface Authenticated {
  readonly credentials: Credentials
}

const defaultPatienceMs = 10_000
const defaultSilenceMs = 15_000
const firstRetryMs = 100
const longestRetryMs = 2000
/** So long after it was away a server may not know the rights of anybody yet. */
const settlingMs = 10_000
/** After so long without a word on an answer that goes on. */
const probeMs = 5000
/** Over TLS each one costs a handshake. What goes on for long, and what is urgent, has connections of its own. */
const maxSockets = 64

export class ApiClient {
  readonly cluster: Cluster
  readonly #credentials: CredentialSource
  readonly #agent: PlainAgent
  readonly #ownAgent: PlainAgent
  readonly #socketAgent: PlainAgent
  #awayAt = -Infinity
  #secure: { readonly cert?: string; readonly key?: string; readonly secureContext: SecureContext } | undefined

  /** `tell` gets what a login says to people. */
  constructor(cluster: Cluster, env: NodeJS.ProcessEnv, tell?: (text: string) => void) {
    this.cluster = cluster
    this.#credentials = new CredentialSource(cluster, env, tell)
    const agent = (options: AgentOptions): PlainAgent =>
      cluster.server.protocol === 'http:' ? new PlainAgent(options) : new Agent({ ...options, ...this.#tls() })
    this.#agent = agent({ keepAlive: true, maxSockets, keepAliveMsecs: 15_000 })
    this.#ownAgent = agent({ keepAlive: true, keepAliveMsecs: 15_000 })
    this.#socketAgent = agent({})
  }

  /** Has the credentials for the first call, which may take a person. */
  async login(signal: AbortSignal | undefined): Promise<void> {
    await this.#credentials.get(signal)
  }

  /** Throws an `ApiError` when the server refuses, or what the connection threw. What passes is tried again within the patience. */
  async call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    const deadline = performance.now() + (options.patienceMs ?? defaultPatienceMs)
    for (let waitMs = firstRetryMs; ; waitMs = Math.min(waitMs * 2, longestRetryMs)) {
      try {
        const response = await this.#authenticated((credentials) => this.#send(method, path, { ...options, credentials }), options.signal)
        return await readJson<T>(response)
      } catch (error) {
        options.signal?.throwIfAborted()
        const nextMs = Math.max(waitMs * (0.75 + Math.random() / 2), retryAfterMs(error))
        if (!isPassing(error) || performance.now() + nextMs > deadline) throw error
        await pause(nextMs, undefined, { signal: options.signal })
      }
    }
  }

  /** An answer that goes on, line by line: a watch, a log. Not tried again. */
  async stream(path: string, options: CallOptions): Promise<IncomingMessage> {
    const response = await this.#authenticated(
      (credentials) => this.#send('GET', path, { ...options, isUrgent: true, credentials }),
      options.signal,
    )
    response.socket.setTimeout(0)
    // It may say nothing for hours: that its other end is gone is found by the kernel's own probes.
    response.socket.setKeepAlive(true, probeMs)
    return response
  }

  /**
   * Opens a websocket to a subresource. Answers what `prepare` makes of it, which has it before: what is said at once comes with the
   * answer. Rejects with an `ApiError` when the server refuses.
   */
  async socket<T>(path: string, options: SocketOptions, prepare: (socket: WebSocket) => T): Promise<T> {
    return await this.#authenticated((credentials) => this.#open(path, { ...options, credentials }, prepare), options.signal)
  }

  /** What the server says when it refuses. */
  async refusal(response: IncomingMessage, path?: string): Promise<ApiError> {
    const error = await refusal(response, path)
    const isSettling = error.status === 403 && performance.now() - this.#awayAt < settlingMs
    return isSettling ? new ApiError(503, { message: error.message, reason: error.reason }, { path }) : error
  }

  close(): void {
    this.#credentials.close()
    this.#agent.destroy()
    this.#ownAgent.destroy()
    this.#socketAgent.destroy()
  }

  #url(path: string): URL {
    return new URL(this.cluster.server.pathname.replace(/\/$/, '') + path, this.cluster.server)
  }

  #tls(): { ca?: string; rejectUnauthorized: boolean; servername?: string } {
    const { ca, insecure, serverName } = this.cluster
    return { ...(ca !== undefined && { ca }), rejectUnauthorized: !insecure, ...(serverName !== undefined && { servername: serverName }) }
  }

  /** Certificates are read once: that takes longer than all else that a connection costs. */
  #identity(credentials: Credentials): { cert?: string; key?: string; secureContext?: SecureContext } {
    if (this.cluster.server.protocol === 'http:') return {}
    const { cert, key } = credentials
    const { ca } = this.cluster
    const own = { ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) }
    if (!this.#secure || this.#secure.cert !== cert || this.#secure.key !== key) {
      try {
        this.#secure = { ...own, secureContext: createSecureContext({ ...own, ...(ca !== undefined && { ca }) }) }
      } catch (error) {
        // Two files that are being replaced do not belong together for a moment.
        this.#credentials.refuse(credentials)
        throw error
      }
    }
    return this.#secure
  }

  /** Once more with new credentials where those that there were are not taken. */
  async #authenticated<T>(ask: (credentials: Credentials) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const credentials = await this.#credentials.get(signal)
    try {
      return await ask(credentials)
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401) || !this.#credentials.refuse(credentials)) throw error
      return await ask(await this.#credentials.get(signal))
    }
  }

  async #open<T>(
    path: string,
    { query, protocol, signal, credentials }: SocketOptions & Authenticated,
    prepare: (socket: WebSocket) => T,
  ): Promise<T> {
    const { default: Socket } = await import('ws')
    signal?.throwIfAborted()
    const url = this.#url(path)
    url.protocol = url.protocol === 'http:' ? 'ws:' : 'wss:'
    url.search = String(query)
    const socket = new Socket(url, [protocol], {
      ...this.#tls(),
      ...this.#identity(credentials),
      headers: headersOf(credentials, this.cluster.user.impersonate),
      // It takes up the TLS session of an earlier one: a handshake in full costs 5 ms, and pods are tried more than once.
      agent: this.#socketAgent,
      perMessageDeflate: false,
      skipUTF8Validation: true,
      handshakeTimeout: defaultSilenceMs,
    })
    const prepared = prepare(socket)
    const stop = (): void => socket.terminate()
    signal?.addEventListener('abort', stop, { once: true })
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('open', resolve)
        socket.on('error', reject)
        socket.once('unexpected-response', (_request, response) => void this.refusal(response).then(reject).finally(stop))
        socket.once('close', () => reject(Object.assign(new Error('the stream was closed before it opened'), { code: 'ECONNRESET' })))
      })
      return prepared
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  async #send(method: string, path: string, asked: CallOptions & Authenticated): Promise<IncomingMessage> {
    const { query = {}, body, contentType, signal, silenceMs = defaultSilenceMs, isUrgent = false, credentials } = asked
    signal?.throwIfAborted()
    const url = this.#url(path)
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value))
    const text = body === undefined ? undefined : JSON.stringify(body)
    const options: RequestOptions = {
      method,
      agent: isUrgent ? this.#ownAgent : this.#agent,
      ...this.#identity(credentials),
      headers: {
        accept: 'application/json',
        ...headersOf(credentials, this.cluster.user.impersonate),
        ...(text !== undefined && { 'content-type': contentType ?? 'application/json', 'content-length': Buffer.byteLength(text) }),
      },
      ...(signal && { signal }),
    }
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const send = url.protocol === 'http:' ? plainRequest : request
      const sent = send(url, options, resolve)
      sent.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNREFUSED') this.#awayAt = performance.now()
        reject(error)
      })
      sent.setTimeout(silenceMs, () =>
        sent.destroy(Object.assign(new Error(`no answer within ${silenceMs / 1000} s`), { code: 'ETIMEDOUT' })),
      )
      sent.end(text)
    })
    if ((response.statusCode ?? 0) < 400) return response
    throw await this.refusal(response, path)
  }
}

function headersOf({ authorization }: Credentials, as: Impersonation | undefined): Record<string, string | string[]> {
  return { 'user-agent': 'cowait', ...(authorization !== undefined && { authorization }), ...(as && impersonationHeaders(as)) }
}

function impersonationHeaders({ user, uid, groups, extra }: Impersonation): Record<string, string | string[]> {
  return {
    'impersonate-user': user,
    ...(uid !== undefined && { 'impersonate-uid': uid }),
    ...(groups.length > 0 && { 'impersonate-group': [...groups] }),
    // A header's name may not have all the characters of a key; the server decodes it.
    ...Object.fromEntries(Object.entries(extra).map(([key, values]) => [`impersonate-extra-${encodeURIComponent(key)}`, [...values]])),
  }
}

async function refusal(response: IncomingMessage, path: string | undefined): Promise<ApiError> {
  const text = await readText(response).catch(() => '')
  const seconds = Number(response.headers['retry-after'])
  let status: ApiStatus = { message: text.trim() || `HTTP ${response.statusCode}` }
  try {
    status = JSON.parse(text) as ApiStatus
  } catch {
    // A proxy's page, or nothing.
  }
  const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined
  return new ApiError(response.statusCode ?? 0, status, { retryAfterMs, path })
}

async function readJson<T>(response: IncomingMessage): Promise<T> {
  const text = await readText(response)
  return (text === '' ? undefined : JSON.parse(text)) as T
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
