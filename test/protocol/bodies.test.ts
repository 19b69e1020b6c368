import { createHash } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { NotSerializableError, ProtocolError } from '../../src/core/errors.ts'
import type { Encoded } from '../../src/core/value.ts'
import { Bodies } from '../../src/protocol/bodies.ts'
import { MAX_BODY_BYTES } from '../../src/protocol/frames.ts'
import { IncomingValues, MAX_ANNOUNCED } from '../../src/protocol/incoming.ts'
import type { Both, Down, Up, ValueHeader } from '../../src/protocol/messages.ts'
import { INITIAL_WINDOW_BYTES, MAX_OPEN_STREAMS } from '../../src/protocol/outgoing.ts'
import { readWhole, type IncomingValue, type Sink, type Source } from '../../src/protocol/values.ts'
import { expectNoLeaks, openBodies, openEnds, until, type BodiesEnds } from './rig.ts'

afterEach(expectNoLeaks)

const MiB = 1024 * 1024
const task = { module: 'm', export: 'e' }

function encoded(size: number, fill: number = 1): Encoded {
  return { format: 'tagged', textBytes: Math.floor(size / 2), data: Buffer.alloc(size, fill) }
}

/** Differs at every offset, so that a chunk out of place shows. */
function patterned(size: number): Encoded {
  const data = Buffer.alloc(size)
  for (let at = 0; at + 4 <= size; at += 4) data.writeUInt32LE(at, at)
  return { format: 'json', textBytes: size, data }
}

function hash(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

/** A source that is read piece by piece, as a file is. */
function slowSource({ format, textBytes, data }: Encoded): Source & { largestRead: number; reads: number } {
  return {
    format,
    text: textBytes,
    size: data.length,
    largestRead: 0,
    reads: 0,
    async read(offset, length) {
      this.reads++
      this.largestRead = Math.max(this.largestRead, length)
      await new Promise((resolve) => setImmediate(resolve))
      return data.subarray(offset, offset + length)
    },
  }
}

function call(child: string, input: Encoded | Source): Parameters<BodiesEnds['up']['sendValue']>[0] {
  return { type: 'call', run: 'parent', child, task, options: {}, input }
}

describe('a value', () => {
  test.each([0, 1, MAX_BODY_BYTES, MAX_BODY_BYTES + 1, 5 * MiB + 3])('of %i bytes arrives as it was', async (size) => {
    await using ends = await openBodies()
    ends.up.start(() => {})
    const sent = patterned(size)
    const arrived = new Promise<{ header: ValueHeader; value: Encoded }>((resolve) =>
      ends.down.start((_, value) => void value!.read().then((read) => resolve({ header: value!.header, value: read }))),
    )
    expect(await ends.up.sendValue({ type: 'done', run: 'a', value: sent })).toBeUndefined()
    const { header, value } = await arrived
    expect(header.stream === undefined).toBe(size <= MAX_BODY_BYTES)
    expect({ ...value, data: hash(value.data) }).toEqual({ ...sent, data: hash(sent.data) })
  })

  test('is sent from a source that is read piece by piece', async () => {
    await using ends = await openBodies()
    ends.up.start(() => {})
    const sent = patterned(3 * MiB + 17)
    const source = slowSource(sent)
    const arrived = new Promise<Encoded>((resolve) => ends.down.start((_, value) => void value!.read().then(resolve)))
    await ends.up.sendValue({ type: 'done', run: 'a', value: source })
    expect(hash((await arrived).data)).toBe(hash(sent.data))
    expect(source.largestRead).toBe(MAX_BODY_BYTES)
    expect(hash((await readWhole(source)).data)).toBe(hash(sent.data))
  })

  test('goes into a sink in order, one chunk at a time', async () => {
    await using ends = await openBodies()
    ends.up.start(() => {})
    const sent = patterned(3 * MiB)
    let busy = 0
    const pieces: Uint8Array[] = []
    const sink: Sink<string> = {
      async write(chunk) {
        expect(++busy).toBe(1)
        await new Promise((resolve) => setImmediate(resolve))
        pieces.push(chunk)
        busy--
      },
      end: () => hash(Buffer.concat(pieces)),
      abort: () => {},
    }
    const arrived = new Promise<string>((resolve) => ends.down.start((_, value) => void value!.readInto(sink).then(resolve)))
    void ends.up.sendValue({ type: 'done', run: 'a', value: sent })
    expect(await arrived).toBe(hash(sent.data))
  })

  test('leaves the order of messages alone, whatever its size', async () => {
    await using ends = await openBodies()
    ends.up.start(() => {})
    const order: string[] = []
    ends.down.start((message, value) => {
      if (message.type === 'call' || message.type === 'cancel') order.push(`${message.type} ${message.child}`)
      void value?.read()
    })
    const expected: string[] = []
    for (let n = 0; n < 60; n++) {
      const value = encoded([10, 200_000, 400_000][n % 3]!)
      void ends.up.sendValue(call(`c${n}`, n % 2 ? slowSource(value) : value))
      ends.up.send({ type: 'cancel', run: 'parent', child: `c${n}`, reason: { code: 'TASK_CANCELLED', message: '' } })
      expected.push(`call c${n}`, `cancel c${n}`)
    }
    await until(() => order.length === expected.length, 'all messages')
    expect(order).toEqual(expected)
  })

  test('that is too large is refused before anything is sent', async () => {
    await using ends = await openBodies({ maxValueBytes: 1000 })
    ends.up.start(() => {})
    ends.down.start(() => {})
    const failure = ends.down.sendValue({ type: 'settled', run: 'a', child: 'b', status: 'done', attempt: 1, value: encoded(1001) })
    await expect(failure).rejects.toThrow(/has 1001 bytes; at most 1000 are allowed/)
    await expect(failure).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
    expect(ends.supervisor.bufferedBytes).toBe(0)
  })

  test('that is too large is refused by its receiver, and hurts nothing else', async () => {
    await using ends = await openBodies({ maxValueBytes: MiB })
    ends.up.start(() => {})
    const failures: unknown[] = []
    let small: Encoded | undefined
    ends.down.start((message, value) => {
      if (message.type !== 'call') return
      value!.read().then(
        (read) => (small = read),
        (error) => failures.push(error),
      )
    })
    const outcome = await ends.up.sendValue(call('large', encoded(20 * MiB)))
    expect(outcome?.message).toMatch(/does not want the rest/)
    await ends.up.sendValue(call('small', encoded(300_000)))
    await until(() => small !== undefined, 'the small value')
    expect(failures[0]).toBeInstanceOf(NotSerializableError)
    expect(failures[0]).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', message: expect.stringContaining('"parent" has 20971520 bytes') })
    expect(ends.proxy.passedBytes('toRight')).toBeLessThan(4 * MiB)
  })

  test('that nobody takes is stopped', async () => {
    await using ends = await openBodies()
    ends.up.start(() => {})
    let runs = 0
    ends.down.start(() => void runs++)
    const outcomes = await Promise.all(Array.from({ length: 40 }, (_, n) => ends.up.sendValue(call(`c${n}`, encoded(8 * MiB)))))
    expect(outcomes.map((error) => error?.message)).toEqual(Array(40).fill('The receiver does not want the rest of the value'))
    expect(runs).toBe(40)
    expect(ends.supervisor.isClosed).toBe(false)
  })
})

test('an error that comes without a value is cut to what a frame can carry', async () => {
  await using ends = await openBodies()
  const heard: Down[] = []
  ends.up.start((message) => void heard.push(message))
  const error = { code: 'TASK_LOST', name: 'TaskLostError', message: 'm'.repeat(5_000_000), lastLines: ['l'.repeat(5_000_000)] } as const
  ends.down.send({ type: 'settled', run: 'r', child: 'c', status: 'failed', attempt: 1, error })
  ends.down.send({ type: 'may-retry', run: 'r', child: 'c', attempt: 1, error })
  ends.down.send({ type: 'accepted', run: 'r' })
  await until(() => heard.length === 3, 'all of them')
  expect(heard.slice(0, 2)).toMatchObject(
    Array.from({ length: 2 }, () => ({ error: { message: expect.stringMatching(/^m{32764} \.\.\.$/) } })),
  )
})

describe('beside a large value', () => {
  test('short messages pass, also when the receiver is slow', async () => {
    await using ends = await openBodies()
    ends.up.start(() => {})
    let open!: () => void
    const gate = new Promise<void>((resolve) => (open = resolve))
    let taken = 0
    const sink: Sink<void> = {
      async write(chunk) {
        await gate
        taken += chunk.length
      },
      end: () => {},
      abort: () => {},
    }
    const pongs: number[] = []
    let arrived = false
    ends.down.start((message, value) => {
      if (value) void value.readInto(sink).then(() => (arrived = true))
      if (message.type === 'pong') pongs.push(pongs.length)
    })
    void ends.up.sendValue({ type: 'done', run: 'a', value: encoded(30 * MiB) })
    await until(() => ends.proxy.passedBytes('toRight') > INITIAL_WINDOW_BYTES, 'the window to be used up')
    for (let n = 0; n < 100; n++) {
      ends.up.send({ type: 'pong' })
      await until(() => pongs.length === n + 1, 'a short message')
    }
    expect(taken).toBe(0)
    expect(ends.proxy.passedBytes('toRight')).toBeLessThan(INITIAL_WINDOW_BYTES + 10_000)
    open()
    await until(() => arrived, 'the large value')
    expect(taken).toBe(30 * MiB)
  })

  test('a short message waits behind a few chunks, not behind the value, when the network is slow', async () => {
    await using ends = await openBodies()
    ends.up.start(() => {})
    let passed = 0
    let pongAt: number | undefined
    ends.down.start((message, value) => {
      if (message.type === 'pong') pongAt = passed
      void value?.readInto({ write: (chunk) => void (passed += chunk.length), end: () => {}, abort: () => {} })
    })
    void ends.up.sendValue({ type: 'done', run: 'a', value: encoded(64 * MiB) })
    await until(() => passed > 0, 'the first chunk')
    const before = passed
    ends.up.send({ type: 'pong' })
    await until(() => pongAt !== undefined, 'the short message')
    // What both kernels and the proxy hold, besides the two chunks of our own.
    expect(pongAt! - before).toBeLessThan(16 * MiB)
    await until(() => passed === 64 * MiB, 'all of it')
  })

  test('another value takes its turn', async () => {
    await using ends = await openBodies()
    ends.up.start(() => {})
    const done: string[] = []
    ends.down.start((message, value) => {
      if (message.type === 'call') void value!.read().then(() => done.push(message.child))
    })
    void ends.up.sendValue(call('large', encoded(100 * MiB)))
    void ends.up.sendValue(call('small', encoded(500_000)))
    await until(() => done.length === 2, 'both values')
    expect(done).toEqual(['small', 'large'])
  })

  test('another value is not kept waiting until the first has used up its credit', async () => {
    await using ends = await openBodies()
    ends.up.start(() => {})
    const reads: string[] = []
    const source = (name: string): Source => ({
      format: 'json',
      text: INITIAL_WINDOW_BYTES,
      size: INITIAL_WINDOW_BYTES,
      read: (_, length) => {
        reads.push(name)
        return Buffer.alloc(length)
      },
    })
    let done = 0
    ends.down.start((_, value) => void value!.read().then(() => done++))
    void ends.up.sendValue(call('first', source('first')))
    void ends.up.sendValue(call('second', source('second')))
    await until(() => done === 2, 'both values')
    expect(reads.lastIndexOf('first')).toBeGreaterThan(reads.indexOf('second'))
    expect(reads.length).toBe(8)
  })

  test('hundreds of values arrive, a bounded number of them at a time', async () => {
    await using ends = await openBodies()
    ends.up.start(() => {})
    const sources = Array.from({ length: 300 }, () => slowSource(encoded(300_000)))
    let done = 0
    ends.down.start((_, value) => void value!.read().then(() => done++))
    const begun = (): number => sources.filter(({ reads }) => reads > 0).length
    let sent = 0
    const sending = Promise.all(sources.map((source, n) => ends.up.sendValue(call(`c${n}`, source)).then(() => sent++)))
    let most = 0
    while (done < 300) {
      most = Math.max(most, begun() - sent)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await sending
    expect(most).toBeLessThanOrEqual(MAX_OPEN_STREAMS)
  })

  test('small values that a busy receiver does not read pile up with their source, not in the channel', async () => {
    await using ends = await openBodies()
    ends.down.start(() => {})
    ends.proxy.pause('toLeft')
    let read = 0
    ends.up.start((_, value) => void value!.read().then(() => read++))
    const value = encoded(60_000)
    const sending = Array.from({ length: 1000 }, (_, n) =>
      ends.down.sendValue({ type: 'settled', run: 'a', child: `c${n}`, status: 'done', attempt: 1, value }),
    )
    expect(ends.supervisor.bufferedBytes).toBeLessThan(3 * MiB)
    ends.proxy.resume('toLeft')
    await Promise.all(sending)
    await until(() => read === 1000, 'all values')
  })
})

describe('when something goes wrong', () => {
  test('the end of the channel settles every value on both sides', async () => {
    await using ends = await openBodies()
    ends.up.start(() => {})
    const failures: unknown[] = []
    const begun = new Set<string>()
    const aborted: string[] = []
    const slow = (child: string): Sink<void> => ({
      write: () => {
        begun.add(child)
        return new Promise((resolve) => setImmediate(resolve))
      },
      end: () => {},
      abort: (reason) => void aborted.push(`${child}: ${reason.message}`),
    })
    ends.down.start((message, value) => {
      if (message.type === 'call') value!.readInto(slow(message.child)).catch((error: unknown) => failures.push(error))
    })
    const sending = Promise.all(['a', 'b', 'c'].map((child) => ends.up.sendValue(call(child, encoded(50 * MiB)))))
    await until(() => begun.size === 3, 'the values to be under way')
    ends.proxy.cut()
    expect((await sending).map((error) => error?.message)).toEqual(Array(3).fill('The channel ended before the value had arrived.'))
    await until(() => failures.length === 3, 'three failures')
    expect(failures[0]).toBeInstanceOf(ProtocolError)
    expect(aborted.toSorted()).toEqual(['a', 'b', 'c'].map((child) => `${child}: The channel ended before the value had arrived.`))
    expect(await ends.up.sendValue(call('later', encoded(10)))).toBeInstanceOf(ProtocolError)
  })

  test('a sink that fails concerns its value only', async () => {
    await using ends = await openBodies()
    ends.up.start(() => {})
    const outcomes: string[] = []
    const full: Sink<void> = {
      write: () => Promise.reject(new Error('no space left on device')),
      end: () => {},
      abort: (reason) => void outcomes.push(`aborted: ${reason.message}`),
    }
    ends.down.start((message, value) => {
      if (message.type !== 'call') return
      const taken: Promise<unknown> = message.child === 'full' ? value!.readInto(full) : value!.read()
      taken.then(
        () => outcomes.push(`${message.child} arrived`),
        (error: Error) => outcomes.push(`${message.child} failed: ${error.message}`),
      )
    })
    const [first] = await Promise.all([
      ends.up.sendValue(call('full', encoded(20 * MiB))),
      ends.up.sendValue(call('other', encoded(3 * MiB))),
    ])
    expect(first?.message).toMatch(/does not want the rest/)
    await until(() => outcomes.length === 3, 'both outcomes')
    expect(outcomes).toEqual(['aborted: no space left on device', 'full failed: no space left on device', 'other arrived'])
  })

  test('a source that cannot be read is told to the receiver, without its reason', async () => {
    await using ends = await openBodies()
    ends.up.start(() => {})
    const failed = new Promise<Error>((resolve) => ends.down.start((_, value) => void value!.read().catch(resolve)))
    const source: Source = { format: 'json', text: 500_000, size: 500_000, read: () => Promise.reject(new Error('EIO /secret/path')) }
    expect((await ends.up.sendValue({ type: 'done', run: 'a', value: source }))?.message).toBe('EIO /secret/path')
    expect((await failed).message).toBe('The value did not arrive: the sender could not read the rest of it')
    expect(ends.supervisor.isClosed).toBe(false)
  })

  test('a source that has become shorter is told to the receiver', async () => {
    await using ends = await openBodies()
    ends.up.start(() => {})
    const failed = new Promise<Error>((resolve) => ends.down.start((_, value) => void value!.read().catch(resolve)))
    const source: Source = { format: 'json', text: 500_000, size: 500_000, read: (_, length) => Buffer.alloc(Math.min(length, 1000)) }
    expect((await ends.up.sendValue({ type: 'done', run: 'a', value: source }))?.message).toBe(
      'The stored value ended after 1000 of 500000 bytes',
    )
    expect((await failed).message).toMatch(/^The value did not arrive/)
  })

  test.each(['up', 'down'] as const)('cancelRun from the %s side drops the values of one run in both directions', async (side) => {
    await using ends = await openBodies()
    const outcomes = new Map<string, string>()
    const gates: (() => void)[] = []
    const waiting: Sink<void> = { write: () => new Promise((resolve) => gates.push(resolve)), end: () => {}, abort: () => {} }
    const take = (name: string, value: IncomingValue | undefined): void => {
      value?.readInto(waiting).then(
        () => outcomes.set(name, 'arrived'),
        (error: Error) => outcomes.set(name, error.message),
      )
    }
    ends.down.start((message, value) => take(`up ${'run' in message ? message.run : ''}`, value))
    ends.up.start((message, value) => take(`down ${'run' in message ? message.run : ''}`, value))
    const sent = ['x', 'y'].flatMap((run) => [
      ends.up.sendValue({ type: 'call', run, child: `${run}1`, task, options: {}, input: encoded(5 * MiB) }),
      ends.down.sendValue({ type: 'settled', run, child: `${run}0`, status: 'done', attempt: 1, value: encoded(5 * MiB) }),
    ])
    await until(() => gates.length === 4, 'four values to be under way')
    ends[side].cancelRun('x', new Error('x was cancelled'))
    const release = setInterval(() => gates.splice(0).forEach((open) => open()), 1)
    const results = await Promise.all(sent)
    await until(() => outcomes.size === 4, 'all outcomes')
    clearInterval(release)
    expect(results.map((error) => error === undefined)).toEqual([false, false, true, true])
    expect(outcomes.get('up y')).toBe('arrived')
    expect(outcomes.get('down y')).toBe('arrived')
    expect(outcomes.get('up x')).toContain('x was cancelled')
    expect(outcomes.get('down x')).toContain('x was cancelled')
    expect(ends.supervisor.isClosed || ends.worker.isClosed).toBe(false)
  })
})

test('values that are announced and never come are bounded', () => {
  const incoming = new IncomingValues({ send: () => undefined, maxValueBytes: MiB })
  const announce = (stream: number): void => incoming.announce('r', stream, { format: 'json', text: 1, size: 1, stream }).settle()
  for (let n = 0; n < MAX_ANNOUNCED; n++) announce(n)
  expect(() => announce(MAX_ANNOUNCED)).toThrow(ProtocolError)
  incoming.chunk({ type: 'chunk', run: 'r', stream: 0, end: true }, Buffer.from('1'))
  announce(MAX_ANNOUNCED)
})

describe('a sender that lies ends its channel', () => {
  const header = (size: number): ValueHeader => ({ format: 'json', text: size, size, stream: 1 })
  const done = (size: number): Up => ({ type: 'done', run: 'a', value: header(size) })
  const chunk = (end: boolean, stream: number = 1): Both => ({ type: 'chunk', run: 'a', stream, end })
  const bytes = (size: number): Buffer => Buffer.alloc(size)

  test.each<[string, readonly (readonly [Up | Both, Buffer?])[], RegExp]>([
    ['a chunk of no stream', [[chunk(true), bytes(10)]], /A chunk came for stream 1 of run "a", which is not under way/],
    [
      'a chunk after the end',
      [[done(300_000)], [chunk(true), bytes(MAX_BODY_BYTES)], [chunk(true), bytes(10)]],
      /ended after 262144 of 300000 bytes/,
    ],
    ['a replayed end', [[done(10)], [chunk(true), bytes(10)], [chunk(true), bytes(10)]], /which is not under way/],
    ['more than announced', [[done(1000)], [chunk(false), bytes(1001)]], /announced with 1000 bytes and has at least 1001/],
    ['less than announced', [[done(1000)], [chunk(true), bytes(999)]], /ended after 999 of 1000 bytes/],
    [
      'a body that is shorter than its header',
      [[{ type: 'done', run: 'a', value: { format: 'json', text: 5, size: 5 } }, bytes(4)]],
      /announced with 5 bytes, and its frame has 4/,
    ],
    [
      'a body that is longer than its header',
      [[{ type: 'done', run: 'a', value: { format: 'json', text: 5, size: 5 } }, bytes(6)]],
      /announced with 5 bytes, and its frame has 6/,
    ],
    ['a stream announced twice', [[done(1000)], [done(1000)]], /Stream 1 of run "a" was announced twice/],
    [
      'more than its credit',
      [[done(2_000_000)], ...Array.from({ length: 5 }, () => [chunk(false), bytes(MAX_BODY_BYTES)] as const)],
      /was sent 262144 bytes beyond its credit of 1048576/,
    ],
    [
      'too many streams at once',
      Array.from({ length: 17 }, (_, n) => n + 1).flatMap((stream) => [
        [{ type: 'done', run: 'a', value: { ...header(10), stream } }] as const,
        [chunk(false, stream), bytes(1)] as const,
      ]),
      /More than 16 streams are under way at once/,
    ],
  ])('%s', async (_, messages, expected) => {
    await using ends = await openEnds()
    const down = new Bodies<Up, Down>(ends.supervisor)
    const outcomes: Promise<unknown>[] = []
    down.start((_message, value) => {
      const slow: Sink<void> = { write: () => new Promise((resolve) => setTimeout(resolve, 20)), end: () => {}, abort: () => {} }
      if (value) outcomes.push(value.readInto(slow))
    })
    for (const [message, body] of messages) ends.worker.send(message, body)
    const fault = await ends.supervisor.closed
    expect(fault).toBeInstanceOf(ProtocolError)
    expect(fault?.message).toMatch(expected)
    for (const outcome of await Promise.allSettled(outcomes)) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(ProtocolError)
    }
  })
})
