import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ConnectTurns } from '../../../src/engines/kubernetes/connect-turns.ts'

/** Tries so many pods, whose containers run, until `isThere`; `tries` goes up with each. */
async function connectAll(count: number, isThere: () => boolean, signal: AbortSignal, tries: { count: number }): Promise<void> {
  const turns = new ConnectTurns()
  const connected = Array.from({ length: count }, async (_, i) => {
    do {
      await turns.wait(`${i}`, AbortSignal.any([signal]))
      tries.count++
    } while (!isThere())
    turns.arrive(`${i}`)
  })
  for (let i = 0; i < count; i++) turns.wake(`${i}`)
  await Promise.all(connected)
}

test('many pods that boot are seldom tried, and all are reached soon when they are there', async () => {
  const tries = { count: 0 }
  let areThere = false
  const all = connectAll(200, () => areThere, new AbortController().signal, tries)
  await pause(3000)
  // One when it is told that they run, and then a few for all of them together.
  expect(tries.count).toBeGreaterThanOrEqual(200)
  expect(tries.count).toBeLessThan(240)
  areThere = true
  const from = performance.now()
  await all
  expect(performance.now() - from).toBeLessThan(6000)
})

test('a few are tried all the time', async () => {
  const tries = { count: 0 }
  let areThere = false
  const all = connectAll(2, () => areThere, new AbortController().signal, tries)
  await pause(1000)
  expect(tries.count).toBeGreaterThan(10)
  areThere = true
  await all
})

test('whoever waits for a turn can give up', async () => {
  const stop = new AbortController()
  const all = connectAll(50, () => false, stop.signal, { count: 0 })
  setTimeout(() => stop.abort(new Error('enough')), 300)
  await expect(all).rejects.toThrow('enough')
})
