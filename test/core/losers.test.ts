import { describe, expect, test } from 'vitest'
import { any } from '../../src/core/any.ts'
import { asCompleted } from '../../src/core/as-completed.ts'
import { delay } from '../../src/core/delay.ts'
import { TaskCancelledError } from '../../src/core/errors.ts'
import { group } from '../../src/core/group.ts'
import { join } from '../../src/core/join.ts'
import { map } from '../../src/core/map.ts'
import { Queue } from '../../src/core/queue.ts'
import { race } from '../../src/core/race.ts'
import { Semaphore } from '../../src/core/semaphore.ts'
import { settled } from '../../src/core/settled.ts'
import { shield } from '../../src/core/shield.ts'
import { task } from '../../src/core/task.ts'
import { timeout } from '../../src/core/timeout.ts'
import { createTestRuntime } from '../../src/testing/index.ts'

const quick = task(async () => 'quick')
const slow = task(async ({ ms = 60_000 }: { ms?: number }) => await delay(ms))
const failing = task(async () => {
  throw new RangeError('boom')
})

const words: [string, () => Promise<unknown>][] = [
  ['join', () => join({ a: slow({}), b: slow({}) })],
  ['race', () => race([slow({}), slow({})])],
  ['any', () => any([slow({}), join([slow({})])])],
  ['settled', () => settled([slow({})])],
  ['map', () => map(slow, [{}, {}, {}], { concurrency: 2 })],
  ['group', () => group(async () => void slow({}))],
  ['timeout', () => timeout('50s', async () => await slow({}))],
  ['shield in a group', () => group(async () => await shield(() => slow({ ms: 50 })))],
]

describe.each(words)('%s', (_, begin) => {
  test('that loses a race is over when the race is', async () => {
    await using rt = createTestRuntime()
    await rt.run(async () => {
      const word = begin()
      expect(await race([word, quick()])).toBe('quick')
      expect(await race([word.then(isOver, isOver), delay(0).then(() => 'still there')])).toBe('over')
    })
  })

  test('beside a failure is over when the failure arrives', async () => {
    await using rt = createTestRuntime()
    await rt.run(async () => {
      const word = begin()
      await expect(join([word, failing()])).rejects.toThrow('boom')
      expect(await race([word.then(isOver, isOver), delay(0).then(() => 'still there')])).toBe('over')
    })
  })
})

const isOver = (): string => 'over'

test('what has ended by itself is not ended again: siblings that were to be left are left', async () => {
  await using rt = createTestRuntime()
  await rt.run(async () => {
    const left = slow({ ms: 100 })
    await expect(race([join([left, failing()], { onError: 'leave' }), slow({})])).rejects.toThrow('boom')
    expect(left.status).not.toBe('cancelled')
    await left
  })
})

test('leaving asCompleted ends the words in it', async () => {
  await using rt = createTestRuntime()
  await rt.run(async () => {
    const run = slow({})
    for await (const { index } of asCompleted([join([run]), quick()])) if (index === 1) break
    expect(run.status).toBe('cancelled')
  })
})

test.each([
  [{ code: 4 }, '{ code: 4 }'],
  [Object.create(null), 'null prototype'],
  [Symbol('why'), 'Symbol(why)'],
  ['enough', 'enough'],
  [new RangeError('too far'), 'too far'],
])('why it was cancelled is told, whatever it is: %o', async (reason: unknown, told) => {
  await using rt = createTestRuntime()
  await rt.run(async () => {
    const run = slow({})
    const cancelled = run.cancel(reason)
    await expect(run).rejects.toThrow(told)
    await cancelled
    const jobs = group.open()
    const inside = jobs.run(() => slow({}))
    jobs.cancel(reason)
    expect((jobs.signal.reason as Error).message).toContain(told)
    await expect(inside).rejects.toThrow(told)
    await expect(map(slow, [{}], { signal: AbortSignal.abort(reason) })).rejects.toThrow(told)
  })
})

test('a delay that loses keeps nothing waiting', async () => {
  const long = delay('1h')
  expect(await race([long, Promise.resolve('at once')])).toBe('at once')
  await expect(long).rejects.toThrow(TaskCancelledError)
})

test('a taker, a putter and a claim that lose take nothing', async () => {
  const queue = new Queue<string>(1)
  expect(await race([queue.next(), delay(0)])).toBeUndefined()
  await queue.put('kept')
  expect(await race([queue.put('dropped'), delay(0)])).toBeUndefined()
  expect(await queue.next()).toEqual({ done: false, value: 'kept' })
  queue.close()
  expect(await queue.next()).toEqual({ done: true, value: undefined })
  const lock = new Semaphore(1)
  const held = await lock.acquire()
  expect(await race([lock.acquire(), delay(0)])).toBeUndefined()
  held[Symbol.dispose]()
  expect(await lock.run(() => 'free')).toBe('free')
})

test.each(['before', 'after'])('a place that is granted just %s its claim loses is free again', async (when) => {
  await using rt = createTestRuntime()
  await rt.run(async () => {
    const lock = new Semaphore(1)
    const first = await lock.acquire()
    let win!: (value: string) => void
    const winner = new Promise<string>((resolve) => (win = resolve))
    const racing = race([winner, lock.acquire()])
    if (when === 'before') first[Symbol.dispose]()
    win('winner')
    if (when === 'after') first[Symbol.dispose]()
    expect(await racing).toBe('winner')
    expect(await lock.run(() => 'free')).toBe('free')
  })
})

test.each(['before', 'after'])('a value that is handed out just %s its taker loses stays in the queue', async (when) => {
  await using rt = createTestRuntime()
  await rt.run(async () => {
    const queue = new Queue<string>()
    let win!: (value: string) => void
    const winner = new Promise<string>((resolve) => (win = resolve))
    const racing = race([winner, queue.next()])
    if (when === 'before') void queue.put('one')
    win('winner')
    if (when === 'after') void queue.put('one')
    expect(await racing).toBe('winner')
    void queue.put('two')
    expect([await queue.next(), await queue.next()].map(({ value }) => value as string)).toEqual(['one', 'two'])
  })
})

test('a text is a list of letters', async () => {
  await using rt = createTestRuntime()
  expect(await rt.run(() => map((letter: string) => letter.toUpperCase(), 'abc'))).toEqual(['A', 'B', 'C'])
})

test('what the items throw when they are let go of does not hide the failure', async () => {
  await using rt = createTestRuntime()
  const items = (left: () => void): Iterable<{}> => ({
    *[Symbol.iterator]() {
      try {
        for (;;) yield {}
      } finally {
        left()
      }
    },
  })
  const leave = (): never => {
    throw new TypeError('left badly')
  }
  await rt.run(async () => await expect(map(failing, items(leave), { concurrency: 2 })).rejects.toThrow('boom'))
})
