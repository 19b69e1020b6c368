import { expect, test } from 'vitest'
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
