import { expect, test } from 'vitest'
import { createTestRuntime } from 'cowait/testing'
import { parallel } from './parallel.ts'
import { sleep } from './sleep.ts'

test('two sleeps', async () => {
  await using rt = createTestRuntime()
  rt.mock(sleep, async ({ duration = 5 }) => ({ duration }))
  expect(await rt.run(parallel)).toEqual([{ duration: 5 }, { duration: 5 }])
  expect(rt.calls(sleep)).toEqual([{ duration: 5 }, { duration: 5 }])
})

test('five seconds pass at once', async () => {
  await using rt = createTestRuntime({ clock: 'manual' })
  const run = rt.run(parallel)
  await rt.advance('5s')
  expect(await run).toEqual([{ duration: 5 }, { duration: 5 }])
})

test('a worker that dies is tried again', async () => {
  await using rt = createTestRuntime({ clock: 'manual' })
  rt.fault(sleep, { nth: 1, kind: 'lose' })
  const run = rt.run(sleep, { duration: 2 }, { retry: 2 })
  await rt.advance('3s')
  expect(await run).toEqual({ duration: 2 })
  expect(run.attempt).toBe(2)
})

test('in a worker of its own', async () => {
  expect(await sleep({ duration: 1 })).toEqual({ duration: 1 })
})
