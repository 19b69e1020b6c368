/** Hostile frames, seeded: FUZZ_SEED repeats a run, FUZZ_FRAMES makes it longer. */
import { Duplex } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import { NotSerializableError, ProtocolError } from '../../src/core/errors.ts'
import { Bodies } from '../../src/protocol/bodies.ts'
import { Channel } from '../../src/protocol/channel.ts'
import { encodeFrame, FrameParser, type RawMessage } from '../../src/protocol/frames.ts'
import type { Both, Down, Up } from '../../src/protocol/messages.ts'
import { parseDown, parseUp } from '../../src/protocol/parse.ts'
import type { IncomingValue } from '../../src/protocol/values.ts'
import { hostileFrame } from './hostile.ts'
import { Random } from './random.ts'
import { expectNoLeaks } from './rig.ts'
import { both, down, up } from './samples.ts'

const FRAMES = Number(process.env['FUZZ_FRAMES'] ?? 10_000)
const SEED = Number(process.env['FUZZ_SEED'] ?? 1)
const MiB = 1024 * 1024

describe.each([
  ['up', parseUp, [...up, ...both]],
  ['down', parseDown, [...down, ...both]],
] as const)('%s', (_, parse: (raw: RawMessage) => unknown, samples) => {
  test(
    `${FRAMES} hostile frames are understood, ignored or refused with a ProtocolError, of seed ${SEED}`,
    { timeout: 60_000 + FRAMES * 5 },
    () => {
      const random = new Random(SEED)
      const seen = { understood: 0, ignored: 0, refused: 0 }
      for (let n = 0; n < FRAMES; n++) {
        const frame = hostileFrame(random, samples)
        const parser = new FrameParser((raw) => (parse(raw) === undefined ? seen.ignored++ : seen.understood++))
        try {
          for (let at = 0; at < frame.length;) {
            const size = 1 + random.below(frame.length)
            parser.push(frame.subarray(at, at + size))
            at += size
          }
          parser.end()
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw new Error(`seed ${SEED}, frame ${n}: ${frame.toString()}`, { cause: error })
          expect(error.message.length).toBeLessThan(1000)
          seen.refused++
        }
      }
      // Else it would test nothing.
      expect(seen.understood).toBeGreaterThan(FRAMES / 100)
      expect(seen.refused).toBeGreaterThan(FRAMES / 10)
      expect(seen.ignored).toBeGreaterThan(0)
    },
  )
})

describe('a whole session', () => {
  afterEach(expectNoLeaks)

  /** What a hostile peer might say in place of a proper conversation about values. */
  function hostileStep(random: Random): Buffer {
    const run = random.pick(['a', 'b'])
    const stream = 1 + random.below(4)
    const size = random.pick([0, 1, 1000, 300_000, 3_000_000, 2 ** 40])
    const value = { format: random.pick(['json', 'tagged']), text: 0, size, ...(random.below(4) ? { stream } : {}) }
    const body = Buffer.alloc(random.pick([0, 1, 1000, 262_144]))
    switch (random.below(8)) {
      case 0:
      case 1:
        return encodeFrame({ type: 'done', run, value } as { type: string }, random.below(3) ? undefined : body)
      case 2:
        return encodeFrame({
          type: 'call',
          run,
          child: `c${random.below(9)}`,
          task: { module: 'm', export: 'e' },
          options: {},
          input: value,
        } as { type: string })
      case 3:
      case 4:
        return encodeFrame({ type: 'chunk', run, stream, end: random.below(3) === 0 } as { type: string }, body)
      case 5:
        return encodeFrame({ type: 'chunk', run, stream, end: true, error: 'gone' } as { type: string })
      case 6:
        return encodeFrame({ type: random.pick(['credit', 'stop']), run, stream, bytes: random.pick([0, 1, 2 ** 50]) } as { type: string })
      default:
        return random.below(20) === 0 ? hostileFrame(random, [...up, ...both]) : encodeFrame({ type: 'pong' })
    }
  }

  test(
    `never ends in anything but order or a ProtocolError, in ${FRAMES} frames of seed ${SEED + 1}`,
    { timeout: 60_000 + FRAMES * 5 },
    async () => {
      const random = new Random(SEED + 1)
      let frames = 0
      let faults = 0
      while (frames < FRAMES) {
        const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
        const channel = new Channel<Up | Both, Down | Both>(stream, parseUp)
        const bodies = new Bodies<Up, Down>(channel)
        const outcomes: Promise<unknown>[] = []
        bodies.start((_, value) => {
          if (value && random.below(3)) outcomes.push(take(random, value))
        })
        void bodies.sendValue({ type: 'settled', run: 'a', child: 'x', status: 'done', attempt: 1, value: large })
        for (let step = 0; step < 40 && !channel.isClosed; step++, frames++) {
          stream.push(hostileStep(random))
          await new Promise((resolve) => setImmediate(resolve))
        }
        stream.push(null)
        const fault = await channel.closed
        if (fault && !(fault instanceof ProtocolError)) throw new Error(`seed ${SEED}, before frame ${frames}`, { cause: fault })
        if (fault) faults++
        for (const outcome of await Promise.allSettled(outcomes)) {
          if (outcome.status === 'fulfilled') continue
          const { reason } = outcome
          const isExpected =
            reason instanceof ProtocolError || reason instanceof NotSerializableError || /did not arrive|full/.test(String(reason))
          if (!isExpected) throw new Error(`seed ${SEED}, before frame ${frames}`, { cause: reason })
        }
        await channel.close()
      }
      expect(faults).toBeGreaterThan(0)
    },
  )

  const large = { format: 'json', textBytes: 3 * MiB, data: Buffer.alloc(3 * MiB) } as const

  function take(random: Random, value: IncomingValue): Promise<unknown> {
    if (random.below(2) && value.header.size < MiB) return value.read()
    const write = random.pick([
      () => {},
      () => new Promise<void>((resolve) => setImmediate(resolve)),
      () => Promise.reject(new Error('full')),
    ])
    return value.readInto({ write, end: () => {}, abort: () => {} })
  }
})

describe('memory is bounded', () => {
  afterEach(expectNoLeaks)

  async function grown(work: () => Promise<unknown>): Promise<number> {
    const used = (): number => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers
    const before = used()
    let most = before
    const watch = setInterval(() => (most = Math.max(most, used())), 1)
    await work()
    clearInterval(watch)
    return Math.max(most, used()) - before
  }

  /** A peer that says everything at once, as fast as it is read. */
  function flood(frames: Iterator<Buffer>): Duplex {
    return new Duplex({
      read() {
        const { value, done } = frames.next()
        this.push(done ? null : value)
      },
      write: (_chunk, _encoding, done) => done(),
    })
  }

  test('when a peer sends without credit to a slow sink', async () => {
    const chunk = encodeFrame({ type: 'chunk', run: 'a', stream: 1, end: false } as { type: string }, Buffer.alloc(262_144))
    const announced = { type: 'done', run: 'a', value: { format: 'json', text: 0, size: 2 ** 30, stream: 1 } } as { type: string }
    const channel = new Channel<Up | Both, Down | Both>(
      flood([encodeFrame(announced), ...Array<Buffer>(2000).fill(chunk)].values()),
      parseUp,
    )
    const bodies = new Bodies<Up, Down>(channel)
    const growth = await grown(async () => {
      bodies.start((_, value) => void value?.readInto({ write: () => new Promise(() => {}), end: () => {}, abort: () => {} }))
      expect((await channel.closed)?.message).toMatch(/beyond its credit/)
    })
    expect(growth).toBeLessThan(40 * MiB)
    await channel.close()
  })

  test('when a peer announces huge values that never come', async () => {
    function* announcements(): Generator<Buffer> {
      for (let n = 0; n < 20_000; n++) {
        const value = { format: 'json', text: 0, size: 2 ** 30, stream: n }
        yield encodeFrame({ type: 'done', run: 'a', value } as { type: string })
      }
    }
    const channel = new Channel<Up | Both, Down | Both>(flood(announcements()), parseUp)
    const bodies = new Bodies<Up, Down>(channel)
    const growth = await grown(async () => {
      bodies.start((_, value) => void value?.read())
      await channel.closed
    })
    expect(growth).toBeLessThan(100 * MiB)
    await channel.close()
  })

  test('when a peer sends garbage for ever', async () => {
    function* garbage(): Generator<Buffer> {
      const piece = Buffer.alloc(65_536, 'a')
      yield Buffer.from('{"type":"')
      for (let n = 0; n < 4000; n++) yield piece
    }
    const channel = new Channel<Up | Both, Down | Both>(flood(garbage()), parseUp)
    const growth = await grown(async () => {
      channel.start(() => {})
      expect((await channel.closed)?.message).toMatch(/longer than 4194304 bytes/)
    })
    expect(growth).toBeLessThan(60 * MiB)
    await channel.close()
  })
})
