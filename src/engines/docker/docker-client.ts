/**
 * The dozen calls of the Docker Engine API that cowait needs, over `node:http`. Loading `node:http` costs 3.5 ms; dockerode, the
 * well-kept client of the field, costs 110 to 130 ms and 24 MB of memory at import (its gRPC and protobuf come along), installs at
 * 19 MB, and leaves attaching, demultiplexing, progress and credentials to its user all the same.
 */
import { Agent, request, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import { addAbortSignal, type Duplex, type Readable } from 'node:stream'
import { EngineError } from '../../core/errors.ts'
import type { ApiVersion } from './api-types.ts'
import { ApiError, connectionError } from './api-error.ts'
import type { Endpoint } from './endpoint.ts'
import { SshAgent } from './ssh-agent.ts'
import { withTimeLimit } from '../time-limit.ts'

/** For an answer that costs no transfer. A busy engine takes seconds, one that is stuck (20.10 can lock itself up) takes for ever. */
const answerMs = 120_000

/** Docker 19.03, the first with everything that is asked for here. */
const oldestApi = '1.40'
/** The newest that this client was written against; a newer engine is spoken to in this one where it still can. */
const newestApi = '1.47'

export interface CallOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'

export class DockerClient {
  readonly endpoint: Endpoint
  readonly #agent: Agent
  readonly #answerMs: number
  #version = ''
  #isPodman = false

  private constructor(endpoint: Endpoint, limits: { readonly answerMs?: number | undefined }) {
    this.endpoint = endpoint
    this.#agent = agentFor(endpoint)
    this.#answerMs = limits.answerMs ?? answerMs
  }

  /** Finds the engine and a version of the API that both speak. Throws an `EngineError` that says what stands in the way. */
  static async connect(
    endpoint: Endpoint,
    signal: AbortSignal,
    limits: { readonly answerMs?: number | undefined } = {},
  ): Promise<DockerClient> {
    const client = new DockerClient(endpoint, limits)
    try {
      const response = await client.#send('GET', '/_ping', { signal })
      response.resume()
      // A proxy or a web server answers too, but not like this.
      const offered = response.headers['api-version']
      if (typeof offered !== 'string') {
        throw new EngineError(`What answers at ${endpoint.name} is no Docker engine.`, {
          hint: 'Check DOCKER_HOST and "docker context ls".',
        })
      }
      if (isOlder(offered, oldestApi)) {
        throw new EngineError(`The Docker engine at ${endpoint.name} is too old: its API is ${offered}, cowait needs ${oldestApi}.`, {
          hint: 'Update Docker to 19.03 or later.',
        })
      }
      client.#isPodman = response.headers['libpod-api-version'] !== undefined
      client.#version = `/v${isOlder(newestApi, offered) ? await client.#newestCommon(signal) : offered}`
      return client
    } catch (error) {
      client.close()
      throw error instanceof EngineError ? error : connectionError(error, endpoint)
    }
  }

  get isPodman(): boolean {
    return this.#isPodman
  }

  /** Calls and reads the answer as JSON. Throws an `ApiError` with the engine's own words, an `EngineError` when it is silent. */
  call<T = unknown>(method: Method, path: string, options: CallOptions = {}): Promise<T> {
    return this.#inTime(`${method} ${path}`, options.signal, async (signal) => {
      const response = await this.#send(method, path, { ...options, signal })
      const text = await readText(response)
      // What is not JSON is an empty answer or plain text ("OK"), which nobody asks for.
      return (response.headers['content-type']?.includes('json') && text !== '' ? JSON.parse(text) : undefined) as T
    })
  }

  /** Hands a call over to the engine and does not wait for its answer, whatever that is. It outlives `close`. */
  send(method: Method, path: string): Promise<void> {
    const sent = request({ ...this.#options(method, path, {}), agent: false })
    return new Promise((resolve) => {
      sent.on('response', (response) => response.resume())
      sent.on('error', () => resolve())
      sent.on('finish', resolve)
      sent.on('socket', (socket) => socket.unref())
      sent.end()
    })
  }

  /** Calls and leaves the answer to be read: events, an archive. Throws an `EngineError` when none begins. */
  async stream(method: Method, path: string, options: CallOptions = {}): Promise<IncomingMessage> {
    const response = await this.#inTime(`${method} ${path}`, options.signal, (signal) => this.#send(method, path, { ...options, signal }))
    return options.signal ? addAbortSignal(options.signal, response) : response
  }

  /** The same for an answer that may be long in coming: the progress of a pull. */
  streamPatiently(method: Method, path: string, options: CallOptions = {}): Promise<IncomingMessage> {
    return this.#send(method, path, options)
  }

  /** Sends a tar archive. */
  async upload(path: string, archive: Readable, options: CallOptions = {}): Promise<void> {
    const response = await this.#send('PUT', path, { ...options, headers: { 'content-type': 'application/x-tar' } }, archive)
    response.resume()
  }

  /** Turns a call into a raw stream, both ways. `head` is what came with the answer. */
  upgrade(path: string, options: CallOptions = {}): Promise<{ socket: Duplex; head: Buffer }> {
    const { body, headers } = encode(options)
    return this.#inTime(`POST ${path}`, options.signal, (signal) => {
      const sent = request({
        ...this.#options('POST', path, { ...options, signal }),
        agent: agentFor(this.endpoint, false),
        headers: { ...headers, connection: 'Upgrade', upgrade: 'tcp' },
      })
      return new Promise((resolve, reject) => {
        sent.on('upgrade', (_response, socket: Duplex, head: Buffer) => resolve({ socket, head }))
        sent.on('response', (response) => void failure(response, 'POST', path).then(reject, reject))
        sent.on('error', reject)
        sent.end(body)
      })
    })
  }

  /** Ends idle connections. Calls that are under way end by their signals. */
  close(): void {
    this.#agent.destroy()
  }

  #inTime<T>(call: string, outer: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const ms = this.#answerMs
    const late = new EngineError(`The Docker engine at ${this.endpoint.name} has not answered ${call} for ${Math.round(ms / 1000)} s.`, {
      hint: 'It is stuck or far too busy. Its log may tell why ("journalctl -u docker"); where it is stuck, restart it.',
    })
    return withTimeLimit({ ms, late, outer }, work)
  }

  /** For an engine newer than this client, which may have dropped what this client speaks best. */
  async #newestCommon(signal: AbortSignal): Promise<string> {
    const { MinAPIVersion = oldestApi } = await this.call<ApiVersion>('GET', '/version', { signal })
    return isOlder(newestApi, MinAPIVersion) ? MinAPIVersion : newestApi
  }

  async #send(method: Method, path: string, options: CallOptions, archive?: Readable): Promise<IncomingMessage> {
    for (;;) {
      const { body, headers } = encode(options)
      const sent = request({ ...this.#options(method, path, options), headers })
      try {
        const response = await answer(sent, archive ?? body)
        if ((response.statusCode ?? 0) >= 400) throw await failure(response, method, path)
        return response
      } catch (error) {
        // The engine may close an idle connection at the moment it is taken again; asking once more changes nothing there.
        const isIdempotent = method === 'GET' || method === 'HEAD' || method === 'DELETE'
        if (!(isIdempotent && sent.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET')) throw error
      }
    }
  }

  #options(method: Method, path: string, { query, signal }: CallOptions): RequestOptions {
    const search = new URLSearchParams()
    for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) search.set(name, String(value))
    const { endpoint } = this
    return {
      method,
      path: `${this.#version}${path}${search.size > 0 ? `?${search.toString()}` : ''}`,
      agent: this.#agent,
      ...(signal && { signal }),
      ...(endpoint.kind === 'unix' && { socketPath: endpoint.path }),
      ...(endpoint.kind === 'tcp' && { host: endpoint.host, port: endpoint.port, protocol: endpoint.tls ? 'https:' : 'http:' }),
    }
  }
}

function agentFor(endpoint: Endpoint, keepAlive = true): Agent {
  if (endpoint.kind === 'ssh') return new SshAgent(endpoint, { keepAlive })
  if (endpoint.kind === 'unix' || endpoint.tls === undefined) return new Agent({ keepAlive })
  const { verify, ...files } = endpoint.tls
  return new TlsAgent({ keepAlive, rejectUnauthorized: verify, ...files })
}

function encode({ body, headers }: CallOptions): { body: Buffer | undefined; headers: Record<string, string | number> } {
  if (body === undefined) return { body, headers: { ...headers } }
  const text = Buffer.from(JSON.stringify(body))
  return { body: text, headers: { ...headers, 'content-type': 'application/json', 'content-length': text.length } }
}

function answer(sent: ClientRequest, body: Readable | Buffer | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.on('response', resolve)
    sent.on('error', reject)
    if (body === undefined || Buffer.isBuffer(body)) {
      sent.end(body)
      return
    }
    body.on('error', (error) => sent.destroy(error))
    body.pipe(sent)
  })
}

async function failure(response: IncomingMessage, method: string, path: string): Promise<ApiError> {
  const text = await readText(response)
  let message = text.trim()
  try {
    message = (JSON.parse(text) as { message?: string }).message ?? message
  } catch {
    // Not JSON: the text is all there is.
  }
  return new ApiError(response.statusCode ?? 0, message || (response.statusMessage ?? ''), `${method} ${path}`)
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk)
  return text
}

function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [thanMajor = 0, thanMinor = 0] = than.split('.').map(Number)
  return major < thanMajor || (major === thanMajor && minor < thanMinor)
}
