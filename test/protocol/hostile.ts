/** What no correct end sends, by a seed. */
import { encodeFrame } from '../../src/protocol/frames.ts'
import type { Random } from './random.ts'

const junk: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1.5,
  1e308,
  2 ** 53,
  '',
  'x',
  'done',
  '__proto__',
  '\ud800',
  '\0',
  'x'.repeat(5000),
  [],
  [[[]]],
  {},
  { type: 'event' },
  { length: 5 },
]

/** Changes one thing somewhere inside. */
function mutated(random: Random, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || random.below(4) === 0) return random.pick(junk)
  const copy: Record<string, unknown> = Object.fromEntries(Object.entries(value))
  const keys = Object.keys(copy)
  const key = random.pick([...keys, 'body', 'stream', 'run'])
  if (random.below(5) === 0) delete copy[key]
  else copy[key] = mutated(random, copy[key])
  return Array.isArray(value) ? Object.values(copy) : copy
}

/** A frame that is almost right: a field changed, cut short, a bit turned over, or with bytes behind it that are none of it. */
export function hostileFrame(random: Random, samples: readonly unknown[]): Buffer {
  const message = mutated(random, random.pick(samples))
  const body = random.bytes(random.pick([0, 0, 1, 40]))
  const line = `${JSON.stringify(message)}\n`
  const whole =
    random.below(3) === 0 || typeof message !== 'object' || message === null || Array.isArray(message)
      ? Buffer.concat([Buffer.from(line), body])
      : encodeFrame({ ...message } as { type: string }, body)
  switch (random.below(6)) {
    case 0:
      return whole.subarray(0, random.below(whole.length))
    case 1: {
      const flipped = Buffer.from(whole)
      flipped[random.below(flipped.length)]! ^= 1 << random.below(8)
      return flipped
    }
    case 2:
      return Buffer.concat([whole, random.bytes(3)])
    default:
      return whole
  }
}
