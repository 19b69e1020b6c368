import { describe, expect, test } from 'vitest'
import { delay } from '../../src/core/delay.ts'
import { TaskTimeoutError } from '../../src/core/errors.ts'
import { limit } from '../../src/core/limit.ts'
import { task } from '../../src/core/task.ts'
import { timeout } from '../../src/core/timeout.ts'
import { wait } from '../../src/core/wait.ts'
import { createTestRuntime } from '../../src/testing/index.ts'
import { deep, half, parallel, sleep } from './tasks.ts'

/** Steps that were taken, as the tasks of a test tell them. */
let steps: string[] = []
const step = task(async ({ name, after }: { name: string; after: `${number}${'ms' | 's' | 'm' | 'h' | 'd'}` }) => {
  await delay(after)
  steps.push(name)
})
const tree = task(async () => {
  const later = [step({ name: 'c', after: '3s' }), step({ name: 'a', after: '1s' }), step({ name: 'd', after: '3s' })]
  await step({ name: 'b', after: '2s' })
  await step({ name: 'e', after: '1h' })
  await Promise.all(later)
})

describe('a manual clock', () => {
  test('stands still until it is moved', async () => {
    await using rt = createTestRuntime({ clock: 'manual' })
    const run = rt.run(parallel)
    await rt.advance('4999ms')
    expect(run.status).toBe('running')
    await rt.advance('1ms')
    expect(await run).toEqual([{ duration: 5 }, { duration: 5 }])
  })

  test('an hour of a tree of delays takes no time, in one order', async () => {
    const began = performance.now()
    for (let round = 0; round < 20; round++) {
      steps = []
      await using rt = createTestRuntime({ clock: 'manual' })
      const run = rt.run(tree)
      await rt.advance('1d')
      await run
      expect(steps.join('')).toBe('abcde')
    }
    expect(performance.now() - began).toBeLessThan(10_000)
  })

  test('no delay needs no move', async () => {
    await using rt = createTestRuntime({ clock: 'manual' })
    expect(await rt.run(sleep, { duration: 0 })).toEqual({ duration: 0 })
    expect(await rt.run(deep, { level: 10 })).toBe(10)
  })

  test('retries come after their pauses, without jitter', async () => {
    await using rt = createTestRuntime({ clock: 'manual' })
    rt.fault(half, { kind: 'fail' })
    const run = rt.run(half, { n: 2 }, { retry: { attempts: 4, delay: '10s', factor: 2, maxDelay: '1m' } })
    const ended = expect(run).rejects.toThrow(/by a fault of the test/)
    const attempts: number[] = []
    for (const moved of ['1ms', '9s', '999ms', '20s', '39s', '1s'] as const) {
      await rt.advance(moved)
      attempts.push(run.attempt)
    }
    expect(attempts).toEqual([1, 1, 2, 3, 3, 4])
    await ended
  })

  test('time-outs of tasks and blocks, and the grace of what does not listen', async () => {
    await using rt = createTestRuntime({ clock: 'manual' })
    const deaf = task(async () => await new Promise<void>(() => undefined))
    const run = rt.run(deaf, {}, { timeout: '1h', grace: '10s' })
    const ended = expect(run).rejects.toThrow(/timed out after 1h \(it did not stop by itself and was killed after its grace of 10s\)/)
    await rt.advance('1h')
    expect(run.status).toBe('running')
    await rt.advance('10s')
    await ended

    const block = rt.run(() => timeout('30s', async () => await sleep({ duration: 100 })))
    const late = expect(block).rejects.toThrow(TaskTimeoutError)
    await rt.advance('30s')
    await late

    const some = rt.run(() => wait([sleep({ duration: 1 }), sleep({ duration: 9 })], { timeout: '5s' }))
    await rt.advance('5s')
    const { done, pending } = await some
    expect([done.length, pending.length]).toEqual([1, 1])
    await rt.advance('4s')
  })

  test('limits by the second', async () => {
    await using rt = createTestRuntime({ clock: 'manual' })
    let ran = 0
    const run = rt.run(() => Promise.all(Array.from({ length: 6 }, async () => await limit('api', { perSecond: 2 }).run(() => ran++))))
    await rt.advance(0)
    expect(ran).toBe(2)
    await rt.advance('1s')
    expect(ran).toBe(4)
    await rt.advance('1s')
    expect(await run).toHaveLength(6)
  })

  test('moves in turn, not at once', async () => {
    await using rt = createTestRuntime({ clock: 'manual' })
    steps = []
    const run = rt.run(tree)
    await Promise.all([rt.advance('1s'), rt.advance('2s'), rt.advance('1h')])
    await run
    expect(steps.join('')).toBe('abcde')
  })

  test('a loop of calls without a wait does not hold it for ever', async () => {
    await using rt = createTestRuntime({ clock: 'manual' })
    const busy = task(async (_: {}, { signal }) => {
      while (!signal.aborted) await half({ n: 2 })
    })
    const run = rt.run(busy, {}, { timeout: '1s' })
    const ended = expect(run).rejects.toThrow(TaskTimeoutError)
    await rt.advance('1s')
    await ended
  }, 240_000)

  test('runs by itself at the end, so that cleaning up can finish', async () => {
    const cleaned: string[] = []
    const careful = task(async (_: {}, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      await new Promise((resolve) => setTimeout(resolve, 20))
      cleaned.push('done')
    })
    {
      await using rt = createTestRuntime({ clock: 'manual' })
      const run = rt.run(careful)
      run.catch(() => undefined)
      await rt.advance('1s')
    }
    expect(cleaned).toEqual(['done'])
  })
})
