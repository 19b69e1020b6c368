import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { TaskClass } from '../../src/core/task-class.ts'
import { task } from '../../src/core/task.ts'

const define = task as (...args: unknown[]) => unknown
const run = async (): Promise<number> => 1

test.each([
  ['nothing', [], 'task() takes an async function, an object with a run function, or a class that extends TaskClass; it got undefined.'],
  ['an object without run', [{ timeout: '1s' }], 'it got {'],
  ['options in a place of their own', [run, { timeout: '1s' }], "Options stand beside run: task({ timeout: '1m', run: ... })"],
  ['an unknown option', [{ run, timeot: '1s' }], 'timeout'],
  ['a malformed one', [{ run, timeout: 'soon' }], '"soon"'],
  ['a schema that is none', [{ run, input: { n: 'number' } }], "input: { n: 'number' } is not a schema"],
  ['a hook that is none', [{ run, before: 5 }], 'before: 5 is not a function'],
  ['a method that is none', [{ run, rpc: { add: 5 } }], 'add'],
  ['errors that are no list', [{ run, errors: Error }], 'is not a list of error classes'],
])('a definition with %s is refused', (_what, args, message) => {
  expect(() => define(...args)).toThrow(message)
})

/** Functions of their text alone: no compiler has written it anew. */
const written = (text: string): unknown => runInNewContext(`(${text})`, { TaskClass })

test.each([
  'async ({ n } = { n: 3 }) => n',
  'async ({ n, more: { deep = [1], list: [a, b] } } = { n: 3, more: {} }, context) => n',
  'async function* count(input = { n: 3 }) { yield input.n }',
  'async(input={...defaults})=>input',
  '{ async run({ n } = { "n": 3 }) { return n } }',
  'class extends TaskClass { run({ n } = { n: 3 }) { return n } }',
])('a default of the whole input is refused: %s', (text) => {
  expect(() => define(written(text))).toThrow('task(): a default of the whole input never holds')
})

const schema = { '~standard': { version: 1, vendor: 'test', validate: () => ({ value: undefined }) } }

test.each([
  'async ({ n = 3 }) => n',
  'async ({ n = 3, more = { a: 1 } } = {}) => n',
  'async ({ n = 3 } = { /* nothing */ }) => n',
  'async ({ n }, context = { n: 3 }) => n',
  'async ({ text = "{ n } = { n: 3 }" }) => text',
  'async ({ text = `${{ a: 1 }.a}`, n } = { n: 3 }) => text',
  'async (...[{ n } = { n: 3 }]) => n',
  'async () => { const { n } = { n: 3 } }',
  'async input => ({ n } = { n: 3 })',
  'async (input = (counted(), {})) => input',
])('where the text leaves a doubt, or nothing to say, a task is made: %s', (text) => {
  expect(define(written(text))).toBeTypeOf('function')
})

test('a schema may make nothing of an input, so that a default holds', () => {
  expect(define({ input: schema, run: async ({ n } = { n: 3 }) => n })).toBeTypeOf('function')
})
