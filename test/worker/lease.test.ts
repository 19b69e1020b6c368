import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { LOST_CHANNEL_CODE } from '../../src/protocol/messages.ts'
import { Lease } from '../../src/worker/lease.ts'
import { until } from '../protocol/rig.ts'
import { Stand } from '../protocol/stand.ts'

const repository = join(import.meta.dirname, '../..')
const tasks = `
import { task, delay } from 'cowait'
export const compute = task(async ({ ms }) => {
  for (const end = performance.now() + ms; performance.now() < end;);
  return 'computed'
})
export const wait = task(async () => await delay('1h'))
`
let tree = ''

beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), 'lease-'))
  for (const folder of ['.cowait', 'node_modules']) mkdirSync(join(tree, folder))
  symlinkSync(repository, join(tree, 'node_modules/cowait'))
  writeFileSync(join(tree, '.cowait/tree.json'), JSON.stringify({ project: '', modules: { tasks: 'tasks.mjs' } }))
  writeFileSync(join(tree, 'tasks.mjs'), tasks)
})
afterAll(() => rmSync(tree, { recursive: true }))
afterEach(() => void vi.useRealTimers())

const open = (): Stand => new Stand([process.execPath, join(repository, 'dist/worker.js')], { module: 'tasks', path: tree })

test('a function that computes for longer than the lease of its worker, which is pinged all the time, answers', async () => {
  await using stand = open()
  const leaseMs = 1500
  stand.welcome(leaseMs)
  const pinging = setInterval(() => stand.bodies.send({ type: 'ping' }), leaseMs / 5)
  try {
    await stand.run('compute', { ms: 2 * leaseMs })
    expect(await stand.answer()).toBe('computed')
    stand.bodies.send({ type: 'accepted', run: 'r1' })
    expect(await stand.exit()).toBe(0)
  } finally {
    clearInterval(pinging)
  }
})

test('a worker that hears nothing for as long as its lease leaves', async () => {
  await using stand = open()
  stand.welcome(1000)
  await stand.run('wait', {})
  await until(() => stand.types.includes('hello'), 'its greeting')
  expect(await stand.exit()).toBe(LOST_CHANNEL_CODE)
})

function openLease() {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const stream = new PassThrough()
  const onMissed = vi.fn()
  const lease = new Lease(stream, 3000, onMissed)
  /** What reads comes first, as in a turn of the event loop. */
  const turn = async (): Promise<void> => {
    await setImmediate()
    await setImmediate()
  }
  return { stream, onMissed, turn, [Symbol.dispose]: () => lease.end() }
}

test('any byte is a sign of life, and the whole lease begins anew with it', async () => {
  using opened = openLease()
  const { stream, onMissed, turn } = opened
  for (let byte = 0; byte < 5; byte++) {
    vi.advanceTimersByTime(2900)
    stream.write('.')
    await turn()
  }
  vi.advanceTimersByTime(2900)
  await turn()
  expect(onMissed).not.toHaveBeenCalled()
  vi.advanceTimersByTime(100)
  await turn()
  expect(onMissed).toHaveBeenCalledOnce()
})

test('what has come by the last moment is read before the lease is taken for missed', async () => {
  using opened = openLease()
  const { stream, onMissed, turn } = opened
  vi.advanceTimersByTime(3000)
  stream.write('.')
  await turn()
  expect(onMissed).not.toHaveBeenCalled()
})
