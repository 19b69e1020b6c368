import { setTimeout as pause } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { stopwatch } from '../../../src/engines/kubernetes/stopwatch.ts'

test.each([3_600_000, -3_600_000])('goes on evenly when the clock of the host is set by %i ms', async (ms) => {
  const elapsedMs = stopwatch()
  const now = Date.now()
  vi.spyOn(Date, 'now').mockReturnValue(now + ms)
  onTestFinished(() => void vi.restoreAllMocks())
  await pause(50)
  expect(elapsedMs()).toBeGreaterThan(45)
  expect(elapsedMs()).toBeLessThan(10_000)
})

test('counts the time in which the host sleeps', () => {
  let sinceBootSeconds = 1_000
  const elapsedMs = stopwatch(() => sinceBootSeconds)
  sinceBootSeconds += 3_600
  expect(elapsedMs()).toBe(3_600_000)
})
