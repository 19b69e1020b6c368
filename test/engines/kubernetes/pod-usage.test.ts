import { expect, test } from 'vitest'
import { parseUsage } from '../../../src/engines/kubernetes/pod-usage.ts'

test('control groups of version 2', () => {
  const text = '52428800\nusage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\nanon 30000000\ninactive_file 2428800\n'
  expect(parseUsage(text)).toEqual({ cpuSeconds: 1.234567, memoryBytes: 50_000_000 })
})

test('control groups of version 1', () => {
  const text = '52428800\ncache 1\ninactive_file 5\ntotal_inactive_file 2428800\nusage_nsec 1500000000\n'
  expect(parseUsage(text)).toEqual({ cpuSeconds: 1.5, memoryBytes: 50_000_000 })
})

test.each(['', 'sh: cat: not found\n', '5242880\nanon 3\n', 'memory\nusage_usec 5\n'])('what is not known is not told: %j', (text) => {
  expect(parseUsage(text)).toBeUndefined()
})
