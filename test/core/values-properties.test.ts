import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ProtocolError } from '../../src/core/errors.ts'
import type { Encoded } from '../../src/core/value.ts'
import { decode } from '../../src/core/values/decode.ts'
import { encode } from '../../src/core/values/encode.ts'
import { anyValue } from './any-value.ts'
import { difference } from './difference.ts'

test('decode(encode(x)) equals x, for 100,000 generated values', { timeout: 120_000 }, () => {
  let tagged = 0
  fc.assert(
    fc.property(anyValue, (value) => {
      const encoded = encode(value)
      if (encoded.format === 'tagged') tagged++
      const found = difference(decode(encoded), value)
      if (found) throw new Error(found)
    }),
    { numRuns: 100_000 },
  )
  expect(tagged).toBeGreaterThan(30_000)
  expect(tagged).toBeLessThan(95_000)
})

test('encoding is stable: what was decoded encodes to the same bytes', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const first = encode(value)
      const second = encode(decode(first))
      return Buffer.compare(first.data, second.data) === 0 && first.format === second.format
    }),
    { numRuns: 5_000 },
  )
})

test('plain JSON is passed through to the letter', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ noUnicodeString: false }).filter((value) => !JSON.stringify(value).includes('"$"') && !hasNegativeZero(value)),
      (value) => {
        const encoded = encode(value)
        return encoded.format === 'json' && Buffer.from(encoded.data).toString() === JSON.stringify(value)
      },
    ),
    { numRuns: 2_000 },
  )
})

test('a damaged document gives a value or a ProtocolError, and nothing else', { timeout: 120_000 }, () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(...Buffer.from('"{}[],:$0')))), {
    minLength: 1,
    maxLength: 4,
  })
  let refused = 0
  fc.assert(
    fc.property(anyValue, damage, fc.integer({ min: -3, max: 3 }), (value, changes, shift) => {
      const document = damaged(encode(value), changes, shift)
      try {
        decode(document)
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error
        refused++
      }
      expect(Object.keys(Object.prototype)).toEqual([])
    }),
    { numRuns: 20_000 },
  )
  expect(refused).toBeGreaterThan(1_000)
})

function damaged({ format, textBytes, data }: Encoded, changes: [number, number][], shift: number): Encoded {
  const copy = data.slice()
  for (const [at, byte] of changes) copy[at % Math.max(1, copy.length)] = byte
  return { format: shift === 3 ? 'json' : format, textBytes: textBytes + (Math.abs(shift) === 1 ? shift : 0), data: copy }
}

function hasNegativeZero(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).some(hasNegativeZero)
  return Object.is(value, -0)
}
