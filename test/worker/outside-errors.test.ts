/** Exceptions in callbacks and rejections that nobody handles, in real workers. */
import { expect, test } from 'vitest'
import { openHost } from '../conformance/host.ts'

const open = () => openHost({ name: 'process', isolated: true, options: { engine: 'process' } })

test.each([
  ['whileChildrenEnd', 'while children end'],
  ['inAfter', 'in after'],
  ['inValidation', 'in validation'],
])('an error from outside fails the run until its answer is sent: %s', async (name, message) => {
  await using host = await open()
  expect(await host.settle(`outside:${name}`)).toMatchObject({
    status: 'failed',
    error: { code: 'TASK_FAILED', name: 'RangeError', message },
  })
  expect(host.lines()).toEqual([])
})

test('the second one is printed with its stack, once', async () => {
  await using host = await open()
  expect(await host.settle('outside:several')).toMatchObject({ status: 'failed', error: { message: 'first' } })
  const lines = host.lines()
  expect(lines[0]).toBe('Uncaught, and too late to fail the run: RangeError: second')
  expect(lines[1]).toMatch(/^ {4}at .*outside\.ts:\d+/)
  expect(lines.filter((line) => /first|second/.test(line))).toHaveLength(1)
})

test('one that is the outcome already is not printed as well', async () => {
  await using host = await open()
  expect(await host.settle('outside:atOnce')).toMatchObject({ status: 'failed', error: { message: 'both' } })
  expect(host.lines()).toEqual([])
})

test('one after the answer is printed, and the answer holds', async () => {
  await using host = await open()
  expect(await host.output('outside:afterTheAnswer')).toBe('done')
  const { text } = await host.event('log', (event) => event.text.includes('after the answer'))
  expect(text).toBe('Uncaught, and too late to fail the run: RangeError: after the answer')
})
