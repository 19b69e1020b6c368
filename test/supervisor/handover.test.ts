/** How long a worker may take until its function starts. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { delay } from '../../src/core/delay.ts'
import { external } from '../../src/core/external.ts'
import { task } from '../../src/core/task.ts'
import type { Engine } from '../../src/core/engine.ts'
import { encode } from '../../src/core/values/encode.ts'
import { memoryPair } from '../../src/engines/memory/memory-pair.ts'
import { Bodies } from '../../src/protocol/bodies.ts'
import { Channel } from '../../src/protocol/channel.ts'
import type { Both, Down, Up } from '../../src/protocol/messages.ts'
import { parseDown } from '../../src/protocol/parse.ts'
import { openRig } from './rig.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] }))
afterEach(() => void vi.useRealTimers())

const instant = task(async ({ text = 'came' }: { text?: string }) => text)
const called = external<typeof instant>('tests:called')

/** Lets so much time pass, in steps in which everything can happen that needs none. */
async function pass(ms: number, stepMs = 1_000): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
    await vi.advanceTimersByTimeAsync(stepMs)
  }
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** An engine whose worker's side of the channel the test holds. */
function engineWith(engine: Engine, serve: (channel: Channel<Down | Both, Up | Both>, bodies: Bodies<Down, Up>) => void): Engine {
  return {
    ...engine,
    start: async (...how) => {
      const worker = await engine.start(...how)
      const [outside, inside] = memoryPair()
      const channel = new Channel<Down | Both, Up | Both>(inside, parseDown)
      serve(channel, new Bodies<Down, Up>(channel))
      return { ...worker, channel: outside }
    },
  }
}

const hello = { type: 'hello', protocol: 1, role: 'worker', runtime: { name: 'by hand', version: '0' } } as const

test('what is user code may take as long as it wants', async () => {
  const slow = task({
    init: async () => await delay('90s'),
    before: async () => await delay('90s'),
    run: async () => 'came',
  })
  await using rig = openRig({ called: slow })
  const run = rig.script(() => called())
  await pass(55_000)
  const notices = (): unknown[] => rig.events.filter(({ type }) => type === 'notice')
  expect(notices()).toEqual([])
  await pass(127_000)
  expect(await run).toBe('came')
  expect(notices()).toMatchObject([
    { text: expect.stringContaining('has not started its function for 60 s: its module, init()') as string },
  ])
})

test('its startTimeout bounds it', async () => {
  const slow = task({ init: async () => await delay('1h'), run: async () => 'came' })
  await using rig = openRig({ called: slow })
  const run = rig.script(() => called({}, { startTimeout: '100s' })).catch((error: unknown) => error)
  await pass(110_000)
  expect(await run).toMatchObject({ code: 'TASK_TIMEOUT' })
})

test('an input may take as long as bytes of it go out', async () => {
  await using rig = openRig({}, { openEngine: async () => engine })
  const engine = engineWith(rig.engine, (channel, bodies) =>
    bodies.start((message, value) => {
      if (message.type === 'welcome') channel.send(hello)
      if (message.type !== 'run') return
      const { run } = message
      const sink = {
        write: async () => await new Promise<void>((resolve) => setTimeout(resolve, 30_000)),
        end: () => undefined,
        abort: () => undefined,
      }
      void value?.readInto(sink).then(() => {
        channel.send({ type: 'running', run })
        return bodies.sendValue({ type: 'done', run, value: encode('came') })
      })
    }),
  )
  const run = rig.script(() => called({ text: 'x'.repeat(4 * 1024 * 1024) }))
  await pass(600_000, 5_000)
  expect(await run).toBe('came')
})

test.each([
  ['says nothing at all', () => undefined],
  ['only answers pings', (channel: Channel<Down | Both, Up | Both>) => setInterval(() => channel.send({ type: 'pong' }), 10_000)],
])('a worker that %s, and takes nothing, is given up', async (what, then) => {
  await using rig = openRig({}, { openEngine: async () => engine })
  const isSilent = what.includes('nothing at all')
  const engine = engineWith(rig.engine, (channel) => {
    channel.start((message) => {
      if (message.type !== 'welcome' || isSilent) return
      channel.send(hello)
      then(channel)
    })
  })
  const run = rig.script(() => called({ text: 'x'.repeat(4 * 1024 * 1024) })).catch((error: unknown) => error)
  await pass(70_000)
  expect(await run).toMatchObject({ code: 'TASK_LOST', message: expect.stringContaining('said nothing for 60 s') })
})

test('a longer startTimeout lets it be silent for longer', async () => {
  await using rig = openRig({}, { openEngine: async () => engine })
  const engine = engineWith(rig.engine, (channel) => channel.start(() => undefined))
  const run = rig.script(() => called({}, { startTimeout: '5m' }))
  const ended = run.catch((error: unknown) => error)
  await pass(200_000, 5_000)
  expect(run.status).toBe('starting')
  await pass(110_000, 5_000)
  expect(await ended).toMatchObject({ code: 'TASK_TIMEOUT' })
})
