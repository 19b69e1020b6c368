import { expect, test } from 'vitest'
import { Printed } from '../../src/supervisor/printed.ts'

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
