/**
 * A worker that breaks the rules, on purpose or by a bug, is contained to its own run: real processes that speak the protocol by
 * hand, beside well-behaved ones of the same supervisor. `BAD_WORKERS=whole` floods with as much as `npm run fuzz` does.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openEngine } from '../../src/client/open-engine.ts'
import type { Engine } from '../../src/core/engine.ts'
import { createProcessEngine } from '../../src/engines/process/process-engine.ts'
import type { LocalOptions, RootRun, Settlement } from '../../src/client/local.ts'
import type { TaskOptions } from '../../src/core/options.ts'
import { resolveOptions } from '../../src/core/resolve-options.ts'
import { encode } from '../../src/core/values/encode.ts'
import { memoryPair } from '../../src/engines/memory/memory-pair.ts'
import { Channel } from '../../src/protocol/channel.ts'
import { encodeFrame } from '../../src/protocol/frames.ts'
import type { Both, Down, Up } from '../../src/protocol/messages.ts'
import { parseDown } from '../../src/protocol/parse.ts'
import { openHost } from '../conformance/host.ts'
import { processesWith } from '../fixtures/process/lab.ts'

const workerFile = fileURLToPath(new URL('../fixtures/bad-workers/worker.mjs', import.meta.url))
const isWhole = process.env['BAD_WORKERS'] === 'whole'
const MiB = 1024 * 1024

type Host = Awaited<ReturnType<typeof openHost>>

let base: string
let host: Host
/** A well-behaved run that lives beside all bad ones. */
let neighbour: RootRun

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'cowait-bad-'))
  host = await open('shared')
  neighbour = host.start('calls:slow', { ms: 3_600_000 })
  await host.event('running', (event) => event.run === neighbour.id)
})

afterAll(async () => {
  neighbour.cancel({ code: 'TASK_CANCELLED', message: 'it was unhurt' })
  expect(await neighbour.settled).toMatchObject({ status: 'cancelled', error: { message: expect.stringContaining('it was unhurt') } })
  await host[Symbol.asyncDispose]()
  expect(processesWith(base)).toEqual([])
  rmSync(base, { recursive: true })
})

function open(folder: string, options: Partial<LocalOptions> = {}): Promise<Host> {
  const openEngineIn = async (name: string): Promise<Engine> => {
    const directory = join(base, folder, name)
    mkdirSync(directory, { mode: 0o700, recursive: true })
    const owner = `bad${process.pid}`
    return name === 'bad' ? createProcessEngine({ owner, directory, workerFile }) : await openEngine('process', { owner, directory })
  }
  const engine = { name: 'process', isolated: true, options: { engine: 'process', openEngine: openEngineIn } }
  return openHost(engine, { concurrency: 6, ...options })
}

interface Story {
  readonly settlement: Settlement
  /** How many runs of others ended well meanwhile, and how long the slowest of them took. */
  readonly others: number
  readonly slowestMs: number
}

/** Lets a bad worker loose; others come and go beside it. */
async function play(behaviour: string, options: TaskOptions = {}, at: Host = host): Promise<Story> {
  let isOver = false
  const bad = at.supervisor
    .run({
      task: { module: 'tasks/calls', export: 'echo' },
      name: behaviour,
      input: encode({ other: neighbour.id }),
      options: resolveOptions({ engine: 'bad', grace: '1s', ...options }, 'test'),
    })
    .settled.finally(() => (isOver = true))
  let others = 0
  let slowestMs = 0
  do {
    const started = performance.now()
    expect(await at.output('calls:echo', { value: others })).toBe(others)
    slowestMs = Math.max(slowestMs, performance.now() - started)
    others++
  } while (!isOver)
  return { settlement: await bad, others, slowestMs }
}

/** What the memory of the supervisor grows by while `work` goes on, at most; what it tells is not kept meanwhile. */
async function growth(work: () => Promise<void>): Promise<number> {
  const memory = (): number => process.memoryUsage().heapUsed + process.memoryUsage().external
  const before = memory()
  let most = before
  const watch = setInterval(() => {
    most = Math.max(most, memory())
    host.events.length = 0
  }, 5)
  await work()
  clearInterval(watch)
  return most - before
}

describe.each([
  ['answers-before-it-is-asked', /spoke of run whatever/],
  ['runs-before-it-greets', /"progress" before "hello"/],
  ['greets-twice', /"hello" twice/],
  ['speaks-another-protocol', /speaks protocol 99, this supervisor speaks 1/],
  ['speaks-http', /Expected a frame.*HTTP\/1\.1/],
  ['acts-as-client', /"list", which is for clients/],
  ['answers-for-another', /spoke of run slow-/],
  ['calls-as-another', /spoke of run slow-/],
  ['talks-to-another', /spoke of run slow-\w+, which it has not called/],
  ['watches-another', /spoke of run slow-\w+, which it has not called/],
  ['answers-twice', /answered twice/],
  ['answers-with-less-than-it-said', /announced with 900 bytes, and its frame has 2/],
  ['answers-with-more-than-it-said', /announced with 10 bytes and has at least 100/],
  ['never-ends-its-line', /longer than 4194304 bytes/],
  ['yields-more-than-it-counts', /has "count": 0; a whole number from 1 is needed/],
])('a worker that %s', { concurrent: true }, (behaviour, fault) => {
  test('fails its own run with a ProtocolError that names the fault, and no other', async () => {
    const { settlement } = await play(behaviour)
    expect(settlement).toMatchObject({ status: 'failed', error: { code: 'PROTOCOL', message: expect.stringMatching(fault) } })
  })
})

describe('a worker', { concurrent: true }, () => {
  test('that says nothing ends with its start time-out', async () => {
    const { settlement } = await play('says-nothing', { startTimeout: '2s' })
    expect(settlement).toMatchObject({
      status: 'failed',
      error: { code: 'TASK_TIMEOUT', message: expect.stringContaining('did not start within') },
    })
  })

  test('that leaves inside of a frame is lost, and its end is told', async () => {
    const { settlement } = await play('leaves-in-a-frame')
    expect(settlement).toMatchObject({ status: 'failed', error: { code: 'TASK_LOST', message: expect.stringContaining('SIGKILL') } })
  })

  test('that is cut off inside of a frame, and stays, is lost: another attempt may follow', async () => {
    const retrying: string[] = []
    using _ = {
      [Symbol.dispose]: host.supervisor.subscribe((event) => {
        if (event.type === 'retrying' && event.run.startsWith('is-cut-off')) retrying.push(event.error.code)
      }),
    }
    const { settlement } = await play('is-cut-off-in-a-frame', { retry: { attempts: 2, delay: 0 } })
    expect(retrying).toEqual(['TASK_LOST'])
    expect(settlement).toMatchObject({
      status: 'failed',
      error: { code: 'TASK_LOST', message: expect.stringContaining('ended inside a frame') },
    })
  })

  test('that cancels a run of others cancels nothing', async () => {
    const { settlement } = await play('cancels-another')
    expect(settlement.status).toBe('done')
  })
})

describe('a worker that floods', () => {
  test.each([
    ['floods-the-log', isWhole ? 1_000 : 20, 200],
    // Each call that it may make is a run that waits.
    ['floods-with-calls', isWhole ? 1_000_000 : 3_000, isWhole ? 1_000 : 200],
    ['floods-with-methods', isWhole ? 1_000_000 : 20_000, 200],
    ['floods-with-limits', isWhole ? 1_000_000 : 5_000, 200],
    ['floods-with-names-of-limits', isWhole ? 1_000_000 : 5_000, 200],
    ['floods-with-watches', isWhole ? 1_000_000 : 20_000, 200],
    ['floods-with-progress', isWhole ? 1_000_000 : 20_000, 200],
  ])('%s hurts nobody else, in bounded memory', { timeout: isWhole ? 600_000 : 90_000 }, async (behaviour, count, boundMiB) => {
    let story: Story | undefined
    const started = performance.now()
    const grown = await growth(async () => void (story = await play(`${behaviour}-${count}`)))
    const { settlement, others, slowestMs } = story!
    if (isWhole) console.log(figures({ behaviour, count, tookMs: performance.now() - started, settlement, others, slowestMs, grown }))
    expect(others).toBeGreaterThan(0)
    expect(slowestMs).toBeLessThan(30_000)
    expect(grown).toBeLessThan(boundMiB * MiB)
    // It is served at its supervisor's pace, or ends of its own deafness.
    const isServed = settlement.status === 'done'
    const isDeaf = { status: 'failed', error: { code: 'PROTOCOL', message: expect.stringContaining('The other end does not read') } }
    if (!isServed) expect(settlement).toMatchObject(isDeaf)
  })
})

test('calls whose inputs never come count as runs that have not ended, and leave room for others', async () => {
  await using small = await open('small', { limits: { unfinished: 100 } })
  const { settlement } = await play('calls-without-inputs-500', {}, small)
  expect(settlement).toMatchObject({ status: 'done' })
  const refused = small.events.flatMap((event) => (event.type === 'settled' && event.error ? [event.error.message] : []))
  expect(refused.length).toBe(410)
  expect(new Set(refused)).toEqual(
    new Set([expect.stringMatching(/^it was not started: 90 runs have not ended.* raise limits\.unfinished/)]),
  )
})

test('a worker whose progress is endless ends no follower that does not read meanwhile', { timeout: 90_000 }, async () => {
  const [inside, outside] = memoryPair()
  host.supervisor.connect(outside)
  inside.write(encodeFrame({ type: 'follow' }))
  const { settlement } = await play('floods-with-long-progress-20000')
  expect(settlement).toMatchObject({ status: 'done' })
  const channel = new Channel<Down | Both, Up | Both>(inside, parseDown)
  const values: number[] = []
  let hasEnded = false
  channel.start((message) => {
    if (message.type !== 'event') return
    if (message.event.type === 'progress') values.push(message.event.value)
    hasEnded ||= message.event.type === 'settled' && message.event.run.startsWith('floods-')
  })
  await expect.poll(() => hasEnded, { timeout: 10_000 }).toBe(true)
  expect(values.at(-1)).toBe(19_999)
  await channel.close()
})

function figures({ behaviour, count, tookMs, settlement, others, slowestMs, grown }: Flood): string {
  const end = 'error' in settlement ? `${settlement.error.code} (${settlement.error.message.slice(0, 120)})` : settlement.status
  return `${behaviour} ${count}: ${end} after ${Math.round(tookMs / 1_000)} s; ${others} others, the slowest in ${Math.round(slowestMs)} ms; ${Math.round(grown / MiB)} MiB at most`
}

interface Flood extends Story {
  readonly behaviour: string
  readonly count: number
  readonly tookMs: number
  readonly grown: number
}
