import { expect, test } from 'vitest'
import { readExit, readListening } from '../../../src/engines/kubernetes/pod-words.ts'

const bytes = (value: unknown): Buffer => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))

test('what a pod says of its end and its addresses is read', () => {
  expect(readExit(bytes({ code: 3, signal: null, peakBytes: 5 }))).toEqual({ code: 3, signal: null, peakBytes: 5 })
  expect(readExit(bytes({ code: null, signal: 'SIGKILL', outOfMemory: true }))).toEqual({
    code: null,
    signal: 'SIGKILL',
    outOfMemory: true,
  })
  expect(readExit(bytes({ code: 1, signal: null, fault: 'no node' }))).toEqual({ code: 1, signal: null, fault: 'no node' })
  expect(readListening(bytes({ addresses: ['10.0.0.1', 'fd00::1'], port: 48766 }))).toEqual({
    addresses: ['10.0.0.1', 'fd00::1'],
    port: 48766,
  })
  expect(readListening(bytes({ problem: 'taken' }))).toEqual({ problem: 'taken' })
})

test.each(['', '{', 'null', '7', '[]', '{}', { code: 'x' }, { signal: '\n' }, { code: 1.5 }])('anything else is a fault: %j', (said) => {
  expect(readExit(bytes(said))).toEqual({ code: null, signal: null, fault: 'what its pod says of its end cannot be read' })
})

test.each([
  '{',
  { addresses: 'a', port: 1 },
  { addresses: ['example.com'], port: 1 },
  { addresses: [{}], port: 1 },
  { addresses: [], port: 0 },
  { addresses: [], port: 70_000 },
  { addresses: Array.from({ length: 17 }, () => '10.0.0.1'), port: 1 },
])('no other addresses are asked: %j', (said) => {
  expect(readListening(bytes(said))).toEqual({ problem: 'what it says of its addresses cannot be read' })
})
