import { expect, test } from 'vitest'
import { formatBytes, parseBytes } from '../../src/core/bytes.ts'
import { UsageError } from '../../src/core/errors.ts'

function problem(value: unknown): string {
  try {
    parseBytes(value, 'memory')
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError)
    return (error as Error).message
  }
  throw new Error('It was not refused.')
}

test.each([
  [0, 0],
  [1_000, 1_000],
  ['1k', 1_024],
  ['1Ki', 1_024],
  ['512m', 512 * 1_024 ** 2],
  ['0.5g', 512 * 1_024 ** 2],
  ['2Gi', 2 * 1_024 ** 3],
  ['1t', 1_024 ** 4],
  ['1.0001k', 1_024],
])('%s is %i bytes', (value, bytes) => {
  expect(parseBytes(value, 'memory')).toBe(bytes)
})

test.each(['512MB', '512', '512M', '', 'm', '1 g', '1e3m', Number.NaN, null, undefined, 5n, {}])(
  '%s is refused with how to write it',
  (value) => {
    expect(problem(value)).toMatch(
      /^memory: .* is not an amount of memory: write bytes as a number, "512k", "512m", "2g" or "2Gi" \(powers of 1024\)$/,
    )
  },
)

test('each other fault has its own words', () => {
  expect(problem('512MB')).toContain('"512MB"')
  expect(problem(-1)).toContain('-1 is negative')
  expect(problem('-1g')).toContain('"-1g" is negative')
  expect(problem(1.5)).toContain('1.5 is not a whole number of bytes')
  expect(problem(Infinity)).toContain('more memory than can be counted')
  expect(problem('99999999t')).toContain('more memory than can be counted')
})

test.each([
  [0, '0 B'],
  [512, '512 B'],
  [1_024, '1 KiB'],
  [1_536, '1.5 KiB'],
  [1_048_575, '1 MiB'],
  [64 * 1_024 ** 2, '64 MiB'],
  [2.25 * 1_024 ** 3, '2.3 GiB'],
  [1_024 ** 4, '1 TiB'],
  [5_000 * 1_024 ** 5, '5000 PiB'],
])('%i bytes are written %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})
