import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { Duplex, type Readable, type Writable } from 'node:stream'
import type { Encoded } from '../../src/core/value.ts'
import { Bodies } from '../../src/protocol/bodies.ts'
import { Channel } from '../../src/protocol/channel.ts'
import { PROTOCOL_VERSION, type Both, type Down, type OutputRecord, type Up } from '../../src/protocol/messages.ts'
import { OutputLines } from '../../src/protocol/output.ts'
import { parseUp } from '../../src/protocol/parse.ts'
import { expectNoLeaks, until } from './rig.ts'

/** Whose tasks it is to run: a module, in a tree. */
interface StandCode {
  readonly module: string
  readonly path: string
}

/** What a supervisor does with a worker, as far as one run needs it. */
export class Stand implements AsyncDisposable {
  readonly channel: Channel<Up | Both, Down | Both>
  readonly bodies: Bodies<Up, Down>
  readonly output: OutputRecord[] = []
  readonly said: Up[] = []
  value: Promise<Encoded> | undefined
  errors = ''
  readonly #code: StandCode
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown[]>

  constructor([program, ...args]: [string, ...string[]], code: StandCode) {
    this.#code = code
    this.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] } })
    this.#exited = once(this.#child, 'close')
    const [, stdout, stderr, fromWorker, toWorker] = this.#child.stdio
    const lines = new OutputLines((item) => this.output.push(item))
    stdout!.on('data', (chunk: Buffer) => lines.push(chunk)).on('end', () => lines.end())
    stderr!.on('data', (chunk: Buffer) => (this.errors += chunk.toString()))
    // A socket that nobody reads never notices that the other end is gone.
    ;(toWorker as Socket).resume()
    this.channel = new Channel(Duplex.from({ readable: fromWorker as Readable, writable: toWorker as Writable }), parseUp)
    this.bodies = new Bodies<Up, Down>(this.channel)
    this.bodies.start((message, value) => {
      this.said.push(message)
      this.value ??= value?.read()
    })
  }

  get types(): string[] {
    return this.said.map(({ type }) => type)
  }

  welcome(leaseMs: number = 0, protocol: number = PROTOCOL_VERSION): void {
    this.bodies.send({ type: 'welcome', protocol, worker: 'w', leaseMs })
  }

  async run(name: string, input: unknown): Promise<void> {
    const { module, path } = this.#code
    const text = Buffer.from(JSON.stringify(input))
    await this.bodies.sendValue({
      type: 'run',
      run: 'r1',
      key: 'k',
      attempt: 1,
      task: { module, export: name },
      name,
      code: { path, cwd: path, hash: 'h' },
      env: { GREETING: 'hello' },
      flush: 'f-123',
      input: { format: 'json', textBytes: text.length, data: text },
    })
  }

  async answer(): Promise<unknown> {
    await until(() => this.value !== undefined, 'an answer')
    const { data } = await this.value!
    await until(() => this.output.some((item) => 'flush' in item), 'the flush mark')
    return JSON.parse(Buffer.from(data).toString())
  }

  async exit(): Promise<unknown> {
    const [code, signal] = await this.#exited
    return code ?? signal
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
    await this.channel.close()
    await expectNoLeaks()
  }
}
