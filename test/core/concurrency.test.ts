import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { delay } from '../../src/core/delay.ts'
import { TaskCancelledError } from '../../src/core/errors.ts'
import { group, type Group } from '../../src/core/group.ts'
import { map } from '../../src/core/map.ts'
import { mapStream } from '../../src/core/map-stream.ts'
import { Queue } from '../../src/core/queue.ts'
import { Semaphore } from '../../src/core/semaphore.ts'
import { session } from '../../src/core/session.ts'
import { task } from '../../src/core/task.ts'
import { timeout } from '../../src/core/timeout.ts'
import { createTestRuntime } from '../../src/testing/index.ts'
import { openRoot } from './concurrency-rig.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const place = (name: string) => ({ ref: `tasks/concurrency:${name}` })
const square = task({ ...place('square'), run: async ({ n }: { n: number; ms?: number }) => n * n })
const slow = task({ ...place('slow'), run: async (_: { ms?: number }) => 'slept' })
const failing = task({ ...place('failing'), run: async (_: { what?: string; ms?: number }) => undefined })

describe('a semaphore', () => {
  test('gives a place back once, however often it is told', async () => {
    const one = new Semaphore(1)
    const first = await one.acquire()
    first[Symbol.dispose]()
    first[Symbol.dispose]()
    const order: string[] = []
    const hold = (name: string) => one.run(async () => (order.push(`${name} in`), await delay(5), order.push(`${name} out`)))
    await Promise.all([hold('a'), hold('b')])
    expect(order).toEqual(['a in', 'a out', 'b in', 'b out'])
  })

  test('gives a place back when its function throws, and forgets who was cancelled', async () => {
    await using root = await openRoot()
    await root.run(async () => {
      const one = new Semaphore(1)
      await expect(one.run(() => Promise.reject(new TypeError('inside')))).rejects.toThrow('inside')
      const held = await one.acquire()
      await expect(timeout(20, () => one.acquire())).rejects.toThrow('timed out after 20ms')
      held[Symbol.dispose]()
      expect(await one.run(() => 'free')).toBe('free')
    })
  })
})

describe('a queue', () => {
  test('holds putters back at its max, and hands out in order', async () => {
    const queue = new Queue<number>(1)
    const order: string[] = []
    const putting = [1, 2, 3].map((n) => queue.put(n).then(() => order.push(`put ${n}`)))
    await delay(5)
    expect(order).toEqual(['put 1'])
    expect([await queue.next(), await queue.next(), await queue.next()].map((each) => each.value)).toEqual([1, 2, 3])
    await Promise.all(putting)
  })

  test('ends for takers when it is closed, after what is inside; refuses putters', async () => {
    const queue = new Queue<number>(1)
    await queue.put(1)
    const late = queue.put(2)
    queue.close()
    queue.close()
    await expect(late).rejects.toThrow('The queue is closed')
    await expect(queue.put(3)).rejects.toThrow('The queue is closed')
    expect(await queue.next()).toEqual({ done: false, value: 1 })
    expect(await queue.next()).toEqual({ done: true, value: undefined })
  })

  test('loses nothing to a taker that was cancelled', async () => {
    await using root = await openRoot()
    await root.run(async () => {
      const queue = new Queue<number>()
      await expect(timeout(10, () => queue.next())).rejects.toThrow('timed out')
      await queue.put(1)
      expect(await queue.next()).toEqual({ done: false, value: 1 })
    })
  })
})

test('a stream of results belongs to where it was made, whoever reads it', async () => {
  await using root = await openRoot()
  await root.run(async () => {
    const stream = mapStream(square, [{ n: 1 }, { n: 2, ms: 60_000 }], { concurrency: 2 })
    await group(async () => expect((await stream.next()).value).toMatchObject({ value: 1 }))
    await stream.return()
    expect(root.supervisor).toBeDefined()
  })
})

test('waiting in many places of one scope warns of nothing', async () => {
  const warnings: Error[] = []
  const warn = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warn)
  await using root = await openRoot()
  const { signal } = new AbortController()
  await root.run(async () => await Promise.all(Array.from({ length: 50 }, () => delay(1, { signal }))))
  await root.run(
    async () =>
      await map(
        (n: number) => square({ n }, { signal }),
        Array.from({ length: 50 }, (_, n) => n),
        { concurrency: 50 },
      ),
  )
  await delay(1)
  process.off('warning', warn)
  expect(warnings).toEqual([])
})

describe.each<[string, (body: () => Promise<unknown>) => Promise<unknown>]>([
  ['group', (body) => group(body)],
  ['timeout', (body) => timeout('1h', body)],
])('%s whose surroundings are cancelled', (_, word) => {
  test('answers when the runs inside are gone, though its function hears nothing', async () => {
    await using root = await openRoot()
    await root.run(async () => {
      const jobs = session()
      const runs: { status: string }[] = []
      const answer = jobs.run(() => word(async () => (runs.push(slow({})), await new Promise(() => undefined))))
      const told = answer.catch((error: unknown) => [error, runs[0]?.status])
      jobs.cancel(new Error('enough'))
      expect(await told).toEqual([expect.objectContaining({ message: 'enough' }), 'cancelled'])
      await jobs[Symbol.asyncDispose]()
    })
  })

  test('needs nobody who listens', async () => {
    const unheard: unknown[] = []
    const hear = (error: unknown): void => void unheard.push(error)
    process.on('unhandledRejection', hear)
    await using root = await openRoot()
    await root.run(async () => {
      const jobs = session()
      const run = jobs.run(() => slow({}))
      jobs.run(() => void word(async () => await new Promise(() => undefined)))
      jobs.cancel()
      await run.settled()
      await jobs[Symbol.asyncDispose]()
      await delay(20)
    })
    process.off('unhandledRejection', hear)
    expect(unheard).toEqual([])
  })

  test('lets its function have its say', async () => {
    await using root = await openRoot()
    await root.run(async () => {
      const jobs = session()
      const answer = jobs.run(() => word(async () => (await slow({}).settled(), await Promise.resolve(), 'heard')))
      jobs.cancel()
      expect(await answer).toBe('heard')
      await jobs[Symbol.asyncDispose]()
    })
  })

  test('in a cancelled task, lets what is around it clean up, and what is inside', async () => {
    await using rt = createTestRuntime()
    const cleaned: string[] = []
    let begin!: () => void
    const begun = new Promise<void>((resolve) => (begin = resolve))
    const working = task(async () => {
      try {
        await word(async () => {
          try {
            begin()
            await delay('1h')
          } finally {
            await new Promise((resolve) => setTimeout(resolve, 100))
            cleaned.push('inside')
          }
        })
      } finally {
        cleaned.push('around')
      }
    })
    const run = rt.run(working)
    await begun
    await run.cancel()
    expect(cleaned).toEqual(['around', 'inside'])
  })
})

test.each<[string, (jobs: Group) => unknown]>([
  ['has failed', (jobs) => (jobs.run(() => failing({})), jobs.join().catch(() => undefined))],
  ['is cancelled', (jobs) => jobs.cancel()],
  ['has ended', async (jobs) => await jobs[Symbol.asyncDispose]()],
])('a run that is added to a group which %s is cancelled', async (_, end) => {
  await using root = await openRoot()
  await root.run(async () => {
    const jobs = group.open()
    await end(jobs)
    const run = jobs.add(slow({ ms: 20_000 }))
    await expect(run).rejects.toThrow(TaskCancelledError)
    await Promise.allSettled([jobs[Symbol.asyncDispose]()])
  })
})

describe('a session', () => {
  test('throws what nobody looked at when it is disposed, and leaves nothing', async () => {
    await using root = await openRoot()
    await root.run(async () => {
      const jobs = session()
      const unfinished = jobs.run(() => slow({}))
      const failed = jobs.run(() => failing({ what: 'unseen' }))
      await expect.poll(() => failed.status).toBe('failed')
      await expect(jobs[Symbol.asyncDispose]()).rejects.toThrow('unseen')
      expect(unfinished.status).toBe('cancelled')
    })
  })

  test('and map, refuse what is no signal', async () => {
    const signal = 5 as unknown as AbortSignal
    await using root = await openRoot()
    await root.run(async () => {
      expect(() => session({ signal })).toThrow('session(): signal: 5 is not an AbortSignal')
      await expect(async () => await map(square, [{ n: 1 }], { signal })).rejects.toThrow('map(): signal: 5 is not an AbortSignal')
    })
  })

  test('is cancelled by its signal', async () => {
    await using root = await openRoot()
    await root.run(async () => {
      const ac = new AbortController()
      await using jobs = session({ signal: ac.signal })
      const run = jobs.run(() => slow({}))
      ac.abort(new Error('enough'))
      await expect(run).rejects.toThrow('enough')
      expect(jobs.signal.aborted).toBe(true)
    })
  })

  test('owns the calls of a server that listens in it', async () => {
    await using root = await openRoot()
    await root.run(async () => {
      const jobs = session({ name: 'web' })
      let begun: () => void
      const hasBegun = new Promise<void>((resolve) => (begun = resolve))
      const server = createServer((_request, response) => {
        const run = slow({})
        void run.settled().then(() => response.end(run.status))
        void run.ready.then(begun)
      })
      await new Promise<void>((resolve) => jobs.run(() => server.listen(0, '127.0.0.1', resolve)))
      const { port } = server.address() as AddressInfo
      const answer = fetch(`http://127.0.0.1:${port}/`).then((response) => response.text())
      await hasBegun
      await jobs[Symbol.asyncDispose]()
      expect(await answer).toBe('cancelled')
      server.close()
    })
  })

  test('serves thousands of requests without growing', { timeout: 300_000 }, async () => {
    await using root = await openRoot()
    await root.run(async () => {
      await using jobs = session({ name: 'web' })
      const server = createServer((request, response) => {
        const n = Number(request.url?.slice(1))
        void timeout('60s', () => square({ n })).then((value) => response.end(String(value)))
      })
      await new Promise<void>((resolve) => jobs.run(() => server.listen(0, '127.0.0.1', resolve)))
      const { port } = server.address() as AddressInfo
      const ask = async (n: number): Promise<number> => Number(await (await fetch(`http://127.0.0.1:${port}/${n}`)).text())
      const round = async (): Promise<number> => {
        const answers = await map(
          ask,
          Array.from({ length: requests / 4 }, (_, n) => n),
        )
        expect(answers.at(-1)).toBe((requests / 4 - 1) ** 2)
        collect()
        return process.memoryUsage().heapUsed / 2 ** 20
      }
      const requests = Number(process.env['COWAIT_TEST_REQUESTS'] ?? 2_000)
      const used = [await round(), await round(), await round(), await round()]
      if (process.env['COWAIT_TEST_REQUESTS']) console.log(used)
      expect(used[3]! - used[1]!).toBeLessThan(8)
      server.close()
      server.closeAllConnections()
    })
  })
})
