import { expect, test } from 'vitest'
import { formatDuration, parseDuration } from '../../src/core/duration.ts'
import { UsageError } from '../../src/core/errors.ts'

function problem(value: unknown): string {
  try {
    parseDuration(value, 'timeout')
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError)
    return (error as Error).message
  }
  throw new Error('It was not refused.')
}

test.each([
  [500, 500],
  [0, 0],
  [1.4, 1],
  ['500ms', 500],
  ['5s', 5_000],
  ['1.5s', 1_500],
  ['2m', 120_000],
  ['1h', 3_600_000],
  ['1d', 86_400_000],
  ['0s', 0],
  [2 ** 31 - 1, 2 ** 31 - 1],
])('%s is %i ms', (value, ms) => {
  expect(parseDuration(value, 'timeout')).toBe(ms)
})

test.each([
  '5x',
  '',
  ' 5s',
  '5 s',
  '5S',
  '5',
  's',
  '5sm',
  '5s\n',
  '1e3ms',
  'Infinitys',
  Number.NaN,
  null,
  undefined,
  5n,
  {},
  [5],
  true,
  new Date(0),
  () => 1,
  Symbol('s'),
])('%s is refused with how to write it', (value) => {
  expect(problem(value)).toMatch(/^timeout: .* is not a duration: write 500, "500ms", "5s", "2m", "1h" or "1d"$/s)
})

test('the message names the value', () => {
  expect(problem('5x')).toBe('timeout: "5x" is not a duration: write 500, "500ms", "5s", "2m", "1h" or "1d"')
  expect(problem('x'.repeat(10_000)).length).toBeLessThan(300)
})

test.each([-1, '-5s', -Infinity])('%s is refused as negative', (value) => {
  expect(problem(value)).toContain('is negative: a duration is 0 or more')
})

test.each([2 ** 31, '25d', Infinity, '99999999999h'])('%s is refused as longer than a timer', (value) => {
  expect(problem(value)).toContain('is longer than a timer can wait: at most 2147483647 ms')
})

test.each([
  [0, '0ms'],
  [0.4, '0ms'],
  [350, '350ms'],
  [999.4, '999ms'],
  [999.6, '1s'],
  [1_000, '1s'],
  [1_240, '1.2s'],
  [9_949, '9.9s'],
  [9_960, '10s'],
  [59_400, '59s'],
  [59_600, '1m'],
  [60_000, '1m'],
  [125_000, '2m 5s'],
  [3_599_600, '1h'],
  [3_780_000, '1h 3m'],
  [86_399_000, '1d'],
  [187_200_000, '2d 4h'],
])('%f ms is written %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})
