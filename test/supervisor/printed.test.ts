import { expect, test } from 'vitest'
import { Printed } from '../../src/supervisor/printed.ts'
import { uncaught } from './uncaught.ts'

async function printed(text: string): Promise<Printed> {
  const output = (async function* () {
    yield Buffer.from(text)
  })()
  const all = new Printed(output, () => undefined)
  await all.ended
  return all
}

const fatal = 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory'
const stack = [
  '----- Native stack trace -----',
  '',
  ...Array.from({ length: 25 }, (_, n) => ` ${n}: 0xb76db1 node::OOMErrorHandler [node]`),
]

test('the end of the heap is known and the last lines kept, however long its native stack', async () => {
  const { ranOutOfHeap, lastLines } = await printed(`${['last words', fatal, ...stack].join('\n')}\n`)
  expect({ ranOutOfHeap, lastLines }).toEqual({ ranOutOfHeap: true, lastLines: ['last words', fatal] })
})

test('a task that only speaks of the end of a heap has not come to it', async () => {
  const { ranOutOfHeap, lastLines } = await printed('my child said: JavaScript heap out of memory\n 1: 0xb76db1 of mine\n')
  expect({ ranOutOfHeap, lastLines }).toEqual({
    ranOutOfHeap: false,
    lastLines: ['my child said: JavaScript heap out of memory', ' 1: 0xb76db1 of mine'],
  })
})

test('a long line is kept by its beginning, however many of them there are', async () => {
  const { lastLines } = await printed(`${'x'.repeat(6_000_000)}\nshort\n`)
  expect(lastLines.length).toBe(20)
  expect(lastLines.map((line) => line.length)).toEqual([...Array.from({ length: 19 }, () => 1024), 5])
  expect(lastLines[0]).toMatch(/^x+ \.\.\.$/)
})

test('all is drained and kept when nobody can be told, and the bug is not hidden', async () => {
  let chunks = 0
  let told = 0
  const output = (async function* () {
    for (; chunks < 100; chunks++) yield Buffer.from(`line ${chunks}\n`)
  })()
  const bugs = await uncaught(async () => {
    const all = new Printed(output, () => {
      told++
      throw new Error('Bug: of who is told')
    })
    await all.ended
    expect(all.lastLines.at(-1)).toBe('line 99')
  })
  expect({ chunks, told, bugs }).toEqual({ chunks: 100, told: 1, bugs: [new Error('Bug: of who is told')] })
})
