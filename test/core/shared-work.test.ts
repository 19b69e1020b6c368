import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { SharedWork } from '../../src/core/shared-work.ts'

/** Work that ends when the test says so. */
function rig() {
  let signal!: AbortSignal
  let finish!: (value: string) => void
  let report!: (progress: number) => void
  const work = new SharedWork<string, number>((stop, tell) => {
    signal = stop
    report = tell
    return new Promise((resolve) => (finish = resolve))
  })
  return { work, signal, finish, report }
}

test('what some wait for goes on when one of them gives up', async () => {
  const { work, signal, finish } = rig()
  const one = new AbortController()
  const given = work.wait(one.signal)
  const kept = work.wait(new AbortController().signal)
  one.abort(new Error('enough'))
  await expect(given).rejects.toThrow('enough')
  expect(signal.aborted).toBe(false)
  finish('made')
  expect(await kept).toBe('made')
})

test('the last who gives up ends it, and stays until it has ended', async () => {
  const { work, signal, finish } = rig()
  const one = new AbortController()
  let hasLeft = false
  const given = work.wait(one.signal).finally(() => (hasLeft = true))
  one.abort(new Error('enough'))
  await setImmediate()
  expect([signal.aborted, work.failed, hasLeft]).toEqual([true, true, false])
  finish('too late')
  await expect(given).rejects.toThrow('enough')
})

test('who has given up before it waits ends what nobody else waits for', async () => {
  const { work, signal, finish } = rig()
  signal.addEventListener('abort', () => finish('too late'))
  await expect(work.wait(AbortSignal.abort(new Error('before')))).rejects.toThrow('before')
  expect([signal.aborted, work.failed]).toEqual([true, true])
})

test('who has given up before it waits leaves it to the others', async () => {
  const { work, signal, finish } = rig()
  const kept = work.wait(new AbortController().signal)
  await expect(work.wait(AbortSignal.abort(new Error('before')))).rejects.toThrow('before')
  expect(signal.aborted).toBe(false)
  finish('made')
  expect(await kept).toBe('made')
})

test('tells its progress to those who wait', async () => {
  const { work, finish, report } = rig()
  const told: number[] = []
  const kept = work.wait(new AbortController().signal, (progress) => told.push(progress))
  report(1)
  finish('made')
  await kept
  report(2)
  expect(told).toEqual([1])
})

test('a failure is what all who wait hear, and nothing comes of it any more', async () => {
  const work = new SharedWork<string, never>(() => Promise.reject(new Error('no')))
  const waiting = [work.wait(new AbortController().signal), work.wait(new AbortController().signal)]
  for (const each of waiting) await expect(each).rejects.toThrow('no')
  expect(work.failed).toBe(true)
})
