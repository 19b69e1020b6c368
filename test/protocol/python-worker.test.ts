import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Duplex, type Readable, type Writable } from 'node:stream'
import { expect, describe, test } from 'vitest'
import type { Encoded } from '../../src/core/value.ts'
import { Bodies } from '../../src/protocol/bodies.ts'
import { Channel } from '../../src/protocol/channel.ts'
import { PROTOCOL_VERSION, type Both, type Down, type OutputRecord, type Up } from '../../src/protocol/messages.ts'
import { OutputLines } from '../../src/protocol/output.ts'
import { parseUp } from '../../src/protocol/parse.ts'
import { expectNoLeaks, until } from './rig.ts'

const script = fileURLToPath(new URL('tasks.py', import.meta.url))
const hasPython = spawnSync('python3', ['--version']).status === 0

/** What a supervisor does with a worker, as far as one run needs it. */
class Stand implements AsyncDisposable {
  readonly channel: Channel<Up | Both, Down | Both>
  readonly bodies: Bodies<Up, Down>
  readonly output: OutputRecord[] = []
  readonly said: Up[] = []
  value: Promise<Encoded> | undefined
  errors = ''
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown[]>

  constructor() {
    this.#child = spawn('python3', [script], { stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] } })
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
    const text = Buffer.from(JSON.stringify(input))
    await this.bodies.sendValue({
      type: 'run',
      run: 'r1',
      key: 'k',
      attempt: 1,
      task: { module: 'tasks', export: name },
      name,
      code: { path: '/', cwd: '/', hash: 'h' },
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

test.runIf(process.env['CI'])('Python is there where the checks run', () => {
  expect(hasPython).toBe(true)
})

describe.skipIf(!hasPython)('a worker in plain Python', () => {
  test('serves a run: greets, starts, prints, marks the end of its output, answers, leaves', async () => {
    await using stand = new Stand()
    stand.welcome()
    await until(() => stand.said.length > 0, 'its greeting')
    expect(stand.said[0]).toEqual({
      type: 'hello',
      protocol: 1,
      role: 'worker',
      runtime: { name: 'python', version: expect.stringMatching(/^3\./) },
    })
    await stand.run('double', { n: 21 })
    expect(await stand.answer()).toEqual({ n: 42, greeting: 'hello' })
    expect(stand.types).toEqual(['hello', 'running', 'done'])
    expect(stand.output).toEqual([
      { level: 'info', stream: 'stdout', text: 'printed' },
      { level: 'info', stream: 'log', text: 'doubling', fields: { n: 21 } },
      { level: 'info', stream: 'stdout', text: 'from a subprocess' },
      { level: 'info', stream: 'stdout', text: 'unfinished' },
      { flush: 'f-123' },
    ])
    stand.bodies.send({ type: 'accepted', run: 'r1' })
    expect(await stand.exit()).toBe(0)
    expect(stand.errors).toBe('')
  })

  test('receives and sends a value of many chunks under credit', async () => {
    await using stand = new Stand()
    stand.welcome()
    const text = Array.from({ length: 400_000 }, (_, n) => `${n} `).join('')
    await stand.run('reverse', text)
    expect((await stand.answer()) === Array.from(text).reverse().join('')).toBe(true)
    stand.bodies.send({ type: 'accepted', run: 'r1' })
    expect(await stand.exit()).toBe(0)
  })

  test('reports an exception as the error of the run', async () => {
    await using stand = new Stand()
    stand.welcome()
    await stand.run('fail', 'x')
    expect(await stand.answer()).toEqual({
      $: 'err',
      v: { name: 'ValueError', message: 'bad input: x', stack: expect.stringContaining('in fail') },
    })
    expect(stand.said.at(-1)).toMatchObject({
      type: 'fail',
      retryable: true,
      error: { code: 'TASK_FAILED', name: 'ValueError', message: 'bad input: x' },
    })
  })

  test('answers pings while its function runs, and ends it when it is cancelled', async () => {
    await using stand = new Stand()
    stand.welcome()
    await stand.run('wait', null)
    await until(() => stand.output.length > 0, 'its first line')
    stand.bodies.send({ type: 'ping' })
    await until(() => stand.types.includes('pong'), 'a pong')
    stand.bodies.send({ type: 'cancel', run: 'r1', reason: { code: 'TASK_CANCELLED', message: 'enough' }, graceMs: 5000 })
    await stand.answer()
    expect(stand.types).toEqual(['hello', 'running', 'pong', 'fail'])
    expect(stand.said.at(-1)).toMatchObject({ error: { code: 'TASK_CANCELLED' } })
  })

  test('leaves when its supervisor is gone', async () => {
    await using stand = new Stand()
    stand.welcome()
    await stand.run('wait', null)
    await until(() => stand.types.includes('running'), 'its start')
    await stand.channel.close()
    expect(await stand.exit()).toBe(1)
  })

  test('leaves when it hears nothing for as long as its lease', async () => {
    await using stand = new Stand()
    stand.welcome(300)
    await stand.run('wait', null)
    await until(() => stand.types.includes('running'), 'its start')
    expect(await stand.exit()).toBe('SIGALRM')
  })

  test('refuses another version of the protocol in words', async () => {
    await using stand = new Stand()
    stand.welcome(0, 2)
    expect(await stand.exit()).toBe(1)
    expect(stand.errors).toContain('The supervisor speaks protocol 2, this worker speaks 1.')
  })
})
