import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { stopwatch } from '../../../src/engines/kubernetes/stopwatch.ts'

const hour = 3_600_000
let now: { clock: number; steady: number }

beforeEach(() => {
  now = { clock: 1_000_000, steady: 1_000 }
  vi.spyOn(Date, 'now').mockImplementation(() => now.clock)
  vi.spyOn(performance, 'now').mockImplementation(() => now.steady)
})

afterEach(() => void vi.restoreAllMocks())

test.each([
  ['time that passes', { clock: 5_000, steady: 5_000 }, 5_000],
  ['the sleep of its host', { clock: hour, steady: 5_000 }, hour],
  ['a clock that was set back', { clock: -hour, steady: 5_000 }, 5_000],
])('counts %s', (_what, passed, counted) => {
  const elapsedMs = stopwatch()
  now = { clock: now.clock + passed.clock, steady: now.steady + passed.steady }
  expect(elapsedMs()).toBe(counted)
})
