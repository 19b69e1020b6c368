import { expect, it } from 'vitest'
import { deliveredFrame } from '../../src/core/stack-text.ts'

it.each([
  ['    at inner (/lib/boom.ts:4:22)', '    at inner (lib/boom.ts:4:22)'],
  ['    at async /main.ts:7:38', '    at async main.ts:7:38'],
  ['    at file:///packages/a/main.mts:7:38', '    at packages/a/main.mts:7:38'],
])('names a file of delivered code by its path in the project: %s', (frame, expected) => {
  expect(deliveredFrame(frame)).toBe(expected)
})

it.each(['    at f (/cowait/code/node_modules/dep/i.js:1:2)', '    at node:fs:1:2', '    at f (node:fs/promises:1:2)', '    at native'])(
  'leaves what is somewhere else as it is: %s',
  (frame) => {
    expect(deliveredFrame(frame)).toBe(frame)
  },
)
