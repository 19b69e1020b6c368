/** Connections to an engine behind ssh: each is an `ssh HOST docker system dial-stdio`, as the docker command line does it. */
import { spawn, type ChildProcess } from 'node:child_process'
import { Agent, type AgentOptions } from 'node:http'
import { Duplex } from 'node:stream'
import { EngineError } from '../../core/errors.ts'
import type { Endpoint } from './endpoint.ts'

type SshEndpoint = Extract<Endpoint, { kind: 'ssh' }>

export class SshAgent extends Agent {
  readonly #endpoint: SshEndpoint

  constructor(endpoint: SshEndpoint, options: AgentOptions) {
    super(options)
    this.#endpoint = endpoint
  }

  override createConnection(): Duplex {
    return new SshConnection(this.#endpoint)
  }
}

/** What the HTTP agent wants of a socket, over the standard input and output of a child process. */
class SshConnection extends Duplex {
  readonly #child: ChildProcess
  #said = ''

  constructor(endpoint: SshEndpoint) {
    super({ allowHalfOpen: true })
    // Its own process group: Ctrl-C at the terminal must not cut the connection that the removal needs.
    this.#child = spawn('ssh', [...endpoint.arguments, ...endpoint.program], { stdio: ['pipe', 'pipe', 'pipe'], detached: true })
    const { stdin, stdout, stderr } = this.#child
    // Its own words come with its end, and say more than a broken pipe.
    stdin?.on('error', () => {})
    stdout?.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) stdout.pause()
    })
    stderr?.setEncoding('utf8').on('data', (text: string) => (this.#said = (this.#said + text).slice(-2000)))
    this.#child.on('error', (error) =>
      this.destroy(new EngineError(`ssh could not be started for ${endpoint.name}.`, { cause: error, hint: 'Install ssh.' })),
    )
    this.#child.on('close', (code) => {
      if (this.destroyed) return
      // Only now: an end that ssh failed by must not read as one that the engine meant.
      if (code === 0) {
        this.push(null)
        return
      }
      const words = this.#said.trim() || `ssh ended with code ${code}`
      this.destroy(
        new EngineError(`The connection to ${endpoint.name} failed: ${words}`, {
          hint: `Check that "ssh ${endpoint.arguments.at(-1)} docker version" works without a question.`,
        }),
      )
    })
  }

  override _read(): void {
    this.#child.stdout?.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#child.stdin?.write(chunk, (error) => {
      if (!error) done()
    })
  }

  override _final(done: () => void): void {
    this.#child.stdin?.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#child.kill()
    done(error)
  }

  // The agent calls these on every socket.
  setKeepAlive(): this {
    return this
  }
  setNoDelay(): this {
    return this
  }
  setTimeout(): this {
    return this
  }
  ref(): this {
    this.#child.ref()
    return this
  }
  unref(): this {
    this.#child.unref()
    return this
  }
}
