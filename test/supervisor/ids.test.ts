/** An id belongs to one run at a time. */
import { expect, test } from 'vitest'
import { delay } from '../../src/core/delay.ts'
import { task } from '../../src/core/task.ts'
import { createTestRuntime } from '../../src/testing/index.ts'

const echo = task(async ({ value }: { value: number }) => value)
const slow = task(async ({ value }: { value: number }) => {
  await delay('1h')
  return value
})
const taken = {
  ok: false,
  error: { code: 'USAGE', message: expect.stringMatching(/job was not started: a run with the id job has not ended yet\. Await that one/) },
}

test('an id can be used again as soon as its run has settled, by whoever', async () => {
  await using rt = createTestRuntime()
  const again = task(async () => {
    const values = []
    for (let n = 0; n < 5; n++) values.push(await echo({ value: n }, { id: 'job' }))
    return values
  })
  expect(await rt.run(again)).toEqual([0, 1, 2, 3, 4])
  expect(await rt.run(echo, { value: 5 }, { id: 'job' })).toBe(5)
  expect(await rt.run(again)).toEqual([0, 1, 2, 3, 4])
})

test('who watches a run whose id was used before hears of that one alone', async () => {
  await using rt = createTestRuntime()
  const speaks = task(async ({ text }: { text: string }, { log }) => log.info(text))
  const lines: string[][] = []
  const read = async (logs: AsyncIterable<{ text: string }>): Promise<void> => {
    const own: string[] = []
    lines.push(own)
    for await (const { text } of logs) own.push(text)
  }
  const watches = task(async () => {
    for (const text of ['one', 'two']) {
      const run = speaks({ text }, { id: 'job' })
      const reading = read(run.logs())
      await run
      await reading
    }
  })
  await rt.run(watches)
  expect(lines).toEqual([['one'], ['two']])
})

test('two calls of one caller with the same id: the second fails, the first goes on', async () => {
  await using rt = createTestRuntime()
  const both = task(async () => {
    const first = slow({ value: 1 }, { id: 'job' })
    const second = await echo({ value: 2 }, { id: 'job' }).settled()
    await first.ready
    const third = await echo({ value: 3 }, { id: 'job' }).settled()
    const status = first.status
    await first.cancel()
    return [second, third, { status }] as never
  })
  expect(await rt.run(both)).toMatchObject([taken, taken, { status: 'running' }])
})

test('a call with the id of a run of another caller fails, and what is said of it meanwhile hurts nobody', async () => {
  await using rt = createTestRuntime()
  const first = rt.run(slow, { value: 1 }, { id: 'job' })
  await first.ready
  const other = task(async () => {
    const run = echo({ value: 2 }, { id: 'job' })
    run.on('log', () => undefined)
    for await (const line of run.logs()) expect(line).toBe('not to come')
    return [await run.settled(), await echo({ value: 3 })] as never
  })
  expect(await rt.run(other)).toMatchObject([taken, 3])
  expect(first.status).toBe('running')
  await first.cancel()
  expect(await rt.run(echo, { value: 4 }, { id: 'job' })).toBe(4)
})
