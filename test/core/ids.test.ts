import { expect, test } from 'vitest'
import { createRunId, isRunId, kebab } from '../../src/core/ids.ts'

test.each([
  ['sumOfSquares', 'sum-of-squares'],
  ['sum_of squares', 'sum-of-squares'],
  ['HTTPServer2', 'http-server2'],
  ['jobs/math:square', 'jobs-math-square'],
  ['Füße', 'fu-e'],
  ['3d', 'task-3d'],
  ['', 'task'],
  ['日本', 'task'],
  ['--a--', 'a'],
  ['a1B', 'a1-b'],
])('%s is %s', (name, label) => {
  expect(kebab(name)).toBe(label)
})

test.each(['sumOfSquares', '', '日本', '9', 'x'.repeat(500), `${'x'.repeat(53)}-y`, '-', 'a\0b', '../../etc', 'é'.repeat(5_000)])(
  'an id of %s is a DNS label that begins with a letter',
  (name) => {
    const id = createRunId(name)
    expect(id).toMatch(/^[a-z][a-z0-9-]*-[a-z0-9]{8}$/)
    expect(id).not.toContain('--')
    expect(id.length).toBeLessThanOrEqual(63)
    expect(isRunId(id)).toBe(true)
  },
)

test('ids do not repeat, and use the whole alphabet evenly', () => {
  const ids = Array.from({ length: 20_000 }, () => createRunId('a').slice(2))
  expect(new Set(ids).size).toBe(ids.length)
  const counts = new Map<string, number>()
  for (const letter of ids.join('')) counts.set(letter, (counts.get(letter) ?? 0) + 1)
  expect(counts.size).toBe(36)
  for (const count of counts.values()) expect(Math.abs(count / (160_000 / 36) - 1)).toBeLessThan(0.12)
})

test.each(['', 'A', '1a', 'a-', '-a', 'a_b', 'a.b', 'a\n', 'a'.repeat(64), 'ä', null, undefined, 5, {}])('%s is no id of a run', (text) => {
  expect(isRunId(text)).toBe(false)
})

test('an id that somebody chose is one, if it is a DNS label', () => {
  for (const text of ['a', 'my-run', 'a'.repeat(63), 'a--b']) expect(isRunId(text)).toBe(true)
})
