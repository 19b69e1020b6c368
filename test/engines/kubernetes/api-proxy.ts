/** Stands before the real API server, with a certificate of its own, and does to requests what a test says. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request, type RequestOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { parse, stringify } from 'yaml'
import { createKubernetesEngine } from '../../../src/engines/kubernetes/kubernetes-engine.ts'
import { findCluster } from '../../../src/engines/kubernetes/kubeconfig.ts'
import type { Engine } from '../../../src/core/engine.ts'
import { runtimeDirectory } from './cluster.ts'

/** What is done to a request instead of passing it on; `delayMs` is waited before either. */
export interface Fault {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly delayMs?: number
  /** The connection is broken without an answer. */
  readonly isBroken?: boolean
}

/** One request, as it came. */
export interface Asked {
  /** `watch`, `portforward`, `exec`, or the method. */
  readonly what: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly at: number
}

export class ApiProxy implements AsyncDisposable {
  readonly asked: Asked[] = []
  /** Asked for each request; what it answers is done. */
  fault: (asked: Asked) => Fault | undefined = () => undefined
  readonly kubeconfig: string
  readonly #folder: string
  readonly #open = new Map<Duplex, string>()
  readonly #server: ReturnType<typeof createServer>

  private constructor(folder: string, server: ReturnType<typeof createServer>) {
    this.#folder = folder
    this.#server = server
    this.kubeconfig = join(folder, 'kubeconfig')
  }

  static async open(): Promise<ApiProxy> {
    const folder = mkdtempSync(join(tmpdir(), 'cowait-proxy-'))
    const cert = join(folder, 'cert')
    const key = join(folder, 'key')
    const words = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=proxy',
    ]
    execFileSync('openssl', [...words, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' })
    const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) })
    const proxy = new ApiProxy(folder, server)
    const { server: real, ca } = await findCluster(undefined, process.env)
    const far = { host: real.hostname, port: real.port, ...(ca !== undefined && { ca }) }
    server.on('request', (near, response) => void proxy.#pass(near, response, far))
    server.on('upgrade', (near, socket, head) => void proxy.#upgrade(near, { socket, head }, far))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const config = parse(readFileSync(process.env['KUBECONFIG'] ?? '', 'utf8')) as { clusters: { cluster: Record<string, unknown> }[] }
    for (const one of config.clusters) one.cluster = { server: `https://127.0.0.1:${port}`, 'certificate-authority': cert }
    writeFileSync(proxy.kubeconfig, stringify(config), { mode: 0o600 })
    return proxy
  }

  /** An engine that knows the cluster by this way only. */
  async openEngine(owner: string): Promise<Engine> {
    return await createKubernetesEngine({ owner, runtimeDirectory, env: { ...process.env, KUBECONFIG: this.kubeconfig } })
  }

  /** Breaks what goes on now; answers how much that was. */
  cut(what: string): number {
    const found = [...this.#open].filter(([, one]) => one === what)
    for (const [socket] of found) socket.destroy()
    return found.length
  }

  /** How much of it goes on now. */
  open(what: string): number {
    return [...this.#open.values()].filter((one) => one === what).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open.keys()) socket.destroy()
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
    rmSync(this.#folder, { recursive: true })
  }

  #note({ method = '', url = '', headers }: IncomingMessage): Asked {
    const { pathname, searchParams } = new URL(url, 'https://proxy')
    const subresource = /\/pods\/[^/]+\/(portforward|exec)$/.exec(pathname)?.[1]
    const asked = { what: subresource ?? (searchParams.has('watch') ? 'watch' : method), url, headers, at: Date.now() }
    this.asked.push(asked)
    return asked
  }

  /** What is to be done to it; undefined when that was done already. */
  async #decide(asked: Asked, socket: Duplex): Promise<Fault | undefined> {
    const fault = this.fault(asked) ?? {}
    if (fault.delayMs !== undefined) await pause(fault.delayMs)
    if (!fault.isBroken) return fault
    socket.destroy()
    return undefined
  }

  async #pass(near: IncomingMessage, response: ServerResponse, far: RequestOptions): Promise<void> {
    const asked = this.#note(near)
    const fault = await this.#decide(asked, near.socket)
    if (!fault) return
    if (fault.status !== undefined) {
      near.resume()
      return void response.writeHead(fault.status, fault.headers).end(fault.body)
    }
    const passed = request({ ...far, method: near.method, path: near.url, headers: near.headers })
    passed.on('error', () => near.socket.destroy())
    passed.on('response', (answer) => {
      this.#open.set(near.socket, asked.what)
      response.on('close', () => {
        this.#open.delete(near.socket)
        passed.destroy()
      })
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      response.flushHeaders()
      answer.on('error', () => near.socket.destroy())
      answer.pipe(response)
    })
    near.pipe(passed)
  }

  async #upgrade(near: IncomingMessage, { socket, head }: { socket: Duplex; head: Buffer }, far: RequestOptions): Promise<void> {
    socket.on('error', () => socket.destroy())
    const asked = this.#note(near)
    const fault = await this.#decide(asked, socket)
    if (!fault) return
    const answer = (status: number, headers: object, body = ''): void => {
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      socket.write(`HTTP/1.1 ${status} Answer\r\n${lines.join('')}\r\n${body}`)
    }
    if (fault.status !== undefined) {
      answer(fault.status, { ...fault.headers, connection: 'close' }, fault.body)
      return void socket.end()
    }
    const passed = request({ ...far, method: near.method, path: near.url, headers: near.headers })
    passed.on('error', () => socket.destroy())
    passed.on('response', (refused) => {
      answer(refused.statusCode ?? 502, refused.headers)
      refused.pipe(socket)
    })
    passed.on('upgrade', (answered, other, first) => {
      answer(101, answered.headers)
      this.#open.set(socket, asked.what)
      if (first.length > 0) socket.write(first)
      if (head.length > 0) other.write(head)
      other.on('error', () => other.destroy())
      other.on('close', () => socket.destroy())
      socket.on('close', () => {
        this.#open.delete(socket)
        other.destroy()
      })
      socket.pipe(other).pipe(socket)
    })
    passed.end()
  }
}
