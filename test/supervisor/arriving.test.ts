/** Calls that take their time to arrive: their task is described, their input is read. */
import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { delay } from '../../src/core/delay.ts'
import { external } from '../../src/core/external.ts'
import { task } from '../../src/core/task.ts'
import type { TaskRun } from '../../src/core/run.ts'
import { memoryPair } from '../../src/engines/memory/memory-pair.ts'
import { Bodies } from '../../src/protocol/bodies.ts'
import { Channel } from '../../src/protocol/channel.ts'
import type { Both, Down, Up } from '../../src/protocol/messages.ts'
import { parseDown } from '../../src/protocol/parse.ts'
import type { Source } from '../../src/protocol/values.ts'
import { held, openRig, over } from './rig.ts'

const child = task(async () => 'came')
const root = external<typeof child>('tests:root')
const called = external<typeof child>('tests:child')
const aid = { id: 'child' }

/** Long enough for a call to begin, were there one. */
async function turns(): Promise<void> {
  for (let n = 0; n < 50; n++) await setImmediate()
}

function rigWith(parent: typeof child) {
  const description = held({})
  const signals: AbortSignal[] = []
  const describe = ({ export: name }: { export: string }, signal: AbortSignal): Promise<object> => {
    if (name !== 'child') return Promise.resolve({})
    signals.push(signal)
    return description.answer()
  }
  return {
    ...openRig({ root: parent, child }, { describe }),
    description,
    /** Of each description of the child that was asked for: whether it is still wanted. */
    wanted: () => signals.map(({ aborted }) => !aborted),
  }
}

test('a call whose caller dies before it has arrived becomes no run, and holds up nobody', async () => {
  await using rig = rigWith(task(async () => await called({}, aid)))
  const run = rig.script(() => root())
  await rig.description.asked
  await run.kill()
  expect(rig.wanted()).toEqual([false])
  rig.description.release()
  await turns()
  expect(rig.created()).toEqual([run.id])
  expect(rig.supervisor.size).toBe(0)
})

test('a call of an attempt that was lost is none of the next one', async () => {
  let attempts = 0
  const parent = task(async () => {
    if (++attempts === 1) await called({}, aid)
    await delay('1h')
    return ''
  })
  await using rig = rigWith(parent)
  const run = rig.script(() => root({}, { retry: { attempts: 2, delay: 0 } }))
  await rig.description.asked
  rig.worker(run.id).end({ how: 'killed', signal: 'SIGKILL' })
  await expect.poll(() => [run.attempt, run.status]).toEqual([2, 'running'])
  rig.description.release()
  await turns()
  expect(rig.created()).toEqual([run.id])
  await run.kill()
})

test('a client that leaves takes the calls with it that have not arrived', async () => {
  await using rig = rigWith(child)
  const run = rig.script(() => called())
  await rig.description.asked
  await rig.client.close()
  await expect(run).rejects.toMatchObject({ code: 'TASK_LOST' })
  rig.description.release()
  await turns()
  expect(rig.created()).toEqual([])
})

test('a supervisor that closes waits for no call that has not arrived, and takes no other', async () => {
  await using rig = rigWith(child)
  const run = rig.script(() => called())
  await rig.description.asked
  await rig.supervisor.close(over)
  await expect(run).rejects.toMatchObject({ code: 'TASK_CANCELLED', message: expect.stringContaining('the test is over') })
  await expect(rig.script(() => called())).rejects.toMatchObject({ code: 'TASK_CANCELLED' })
  rig.description.release()
  await turns()
  expect(rig.created()).toEqual([])
})

test('a call that has not arrived is cancelled by its caller, and by no other run', async () => {
  const description = held({})
  const caller = task(async () => await called({}, aid))
  const stranger = task(async () => {
    const run = called({}, aid)
    await run.cancel()
    return String(await run.settled().then((settled) => !settled.ok && settled.error))
  })
  const describe = ({ export: name }: { export: string }): Promise<object> =>
    name === 'child' ? description.answer() : Promise.resolve({})
  await using rig = openRig({ caller, stranger, child }, { describe })
  const run = rig.script(() => external<typeof child>('tests:caller')())
  await description.asked
  expect(await rig.script(() => external<typeof child>('tests:stranger')())).toContain('child was not started')
  description.release()
  expect(await run).toBe('came')
})

test.each([
  ['cancel', (run: TaskRun<string>) => run.cancel('enough'), 'was cancelled: enough'],
  ['kill', (run: TaskRun<string>) => run.kill(), 'was cancelled'],
])('a call that has not arrived ends at once with a %s, and nothing is started for it', async (_how, end, message) => {
  await using rig = rigWith(child)
  const run = rig.script(() => called())
  await rig.description.asked
  await end(run)
  expect(rig.wanted()).toEqual([false])
  await expect(run).rejects.toMatchObject({ code: 'TASK_CANCELLED', message: expect.stringContaining(message) })
  expect(rig.events.map(({ type }) => type)).toEqual(['created', 'settled', 'removed'])
})

test('a call that is cancelled waits neither for its input nor for the program', async () => {
  const tree = held({ hash: '', files: [], directory: process.cwd(), root: process.cwd() })
  await using rig = openRig({ child }, { tree: tree.answer })
  const [inside, outside] = memoryPair()
  const run = rig.supervisor.connect(outside)
  const channel = new Channel<Down | Both, Up | Both>(inside, parseDown)
  const bodies = new Bodies<Down, Up>(channel)
  const settled: string[] = []
  bodies.start((message) => message.type === 'settled' && settled.push(`${message.child} ${message.status}`))
  const input = (size: number, read: () => Promise<Uint8Array>): Source => ({ format: 'json', text: size, size, read })
  const inputs = { whole: input(2, async () => Buffer.from('{}')), cut: input(3, () => new Promise(() => {})) }
  const call = { type: 'call', run, task: { module: 'tests', export: 'child' }, options: {} } as const
  for (const name of ['whole', 'cut'] as const) void bodies.sendValue({ ...call, child: name, input: inputs[name] })
  await tree.asked
  const reason = { code: 'TASK_CANCELLED', message: 'enough' } as const
  for (const name of ['whole', 'cut']) bodies.send({ type: 'cancel', run, child: name, reason })
  await expect.poll(() => settled).toEqual(['whole cancelled', 'cut cancelled'])
  tree.release()
  await channel.close()
})

test('a call with more options than may travel is refused alone', async () => {
  await using rig = openRig({ child })
  const tags = { large: 'x'.repeat(2 ** 20) }
  const [other, large] = rig.script(() => [called(), called({}, { tags }).settled()] as const)
  expect(await large).toMatchObject({
    error: {
      code: 'USAGE',
      message: expect.stringMatching(/was not started: its options have 10485\d\d bytes; at most 1048576 are allowed/),
    },
  })
  expect(await other).toBe('came')
  expect(await rig.script(() => called())).toBe('came')
})

test('calls of a client whose inputs do not come count until they are cancelled', async () => {
  await using rig = openRig({ child }, { limits: { unfinished: 10 } })
  const [inside, outside] = memoryPair()
  const run = rig.supervisor.connect(outside)
  const channel = new Channel<Down | Both, Up | Both>(inside, parseDown)
  const bodies = new Bodies<Down, Up>(channel)
  const settled: string[] = []
  bodies.start((message) => message.type === 'settled' && settled.push(`${message.child} ${message.error?.code}`))
  const input: Source = { format: 'json', text: 3, size: 3, read: () => new Promise(() => {}) }
  const call = (name: string): void =>
    void bodies.sendValue({ type: 'call', run, child: name, task: { module: 'tests', export: 'child' }, options: {}, input })
  for (let n = 0; n < 12; n++) call(`c${n}`)
  await expect.poll(() => settled).toEqual(['c10 LIMIT_EXCEEDED', 'c11 LIMIT_EXCEEDED'])
  bodies.send({ type: 'cancel', run, child: 'c0', reason: { code: 'TASK_CANCELLED', message: 'enough' } })
  await expect.poll(() => settled.slice(2)).toEqual(['c0 TASK_CANCELLED'])
  for (const name of ['d0', 'd1']) call(name)
  await expect.poll(() => settled.slice(3)).toEqual(['d1 LIMIT_EXCEEDED'])
  await channel.close()
})

test('a call whose input finds no room on the disk says so to a script and to a task, and what to do', async () => {
  const large = external<{ text: string }, string>('tests:large')
  const call = (): Promise<unknown> => large({ text: 'x'.repeat(5_000_000) }).settled()
  const calls = task(async () => {
    const { error } = (await call()) as { error: Error & { code: string } }
    return `${error.code}: ${error.message}`
  })
  const directory = join(tmpdir(), 'is-not-there')
  await using rig = openRig({ calls }, { directory })
  const told = /was not started: A value of 50000\d\d bytes cannot be kept in .*is-not-there: ENOENT.*Make room there/
  expect(await rig.script(call)).toMatchObject({ ok: false, error: { code: 'ENGINE', message: expect.stringMatching(told) } })
  const said = await rig.script(() => external<typeof calls>('tests:calls')())
  expect(said).toMatch(new RegExp(`^ENGINE: .*${told.source}`))
})

test('nothing stays of the input of a call that cannot be described', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'cowait-arriving-'))
  const describe = (): Promise<object> => Promise.reject(new Error('no program'))
  await using rig = openRig({}, { describe, directory })
  const large = external<{ text: string }, string>('tests:large')
  await expect(rig.script(() => large({ text: 'x'.repeat(3_000_000) }))).rejects.toThrow('no program')
  await expect.poll(() => readdirSync(directory)).toEqual([])
  rmdirSync(directory)
})
