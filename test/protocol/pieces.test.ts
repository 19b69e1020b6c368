import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { IncomingValues } from '../../src/protocol/incoming.ts'
import type { ValueHeader } from '../../src/protocol/messages.ts'
import { Pieces } from '../../src/protocol/pieces.ts'
import { readWhole } from '../../src/protocol/values.ts'
import { Spool, type StoredValue } from '../../src/supervisor/spool.ts'

const KiB = 1024

/** What this process holds, in KiB. */
function held(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return Math.round((heapUsed + external) / KiB)
}

/** A value of which each chunk has one byte. */
function trickle(values: IncomingValues, stream: number, size: number): void {
  for (let at = 0; at < size; at++)
    values.chunk({ type: 'chunk', run: 'r', stream, end: at === size - 1 }, Buffer.allocUnsafeSlow(1).fill(at % 251))
}

const ofSize = (size: number): ValueHeader => ({ format: 'json', text: size, size })
const link = { send: () => undefined, maxValueBytes: 1024 * KiB }

test('pieces come out as they went in, in few buffers', () => {
  for (const size of [0, 1, 100, 20_000]) {
    const data = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 251))
    const pieces = new Pieces()
    let count = 0
    for (let at = 0; at < data.length; at += Math.max(1, size), count++) pieces.push(data.subarray(at, at + Math.max(1, size)))
    const list = pieces.take()
    expect(Buffer.concat(list).equals(data)).toBe(true)
    expect(list.length).toBeLessThan(25)
    expect(pieces.isEmpty).toBe(true)
  }
})

test('values that came byte by byte hold what they are booked with', async () => {
  const spool = new Spool(undefined)
  const values = new IncomingValues(link)
  const stored: StoredValue[] = []
  const before = held()
  for (let stream = 1; stream <= 5; stream++) {
    const sink = spool.sink(ofSize(64 * KiB))
    if (stream % 2) {
      // As they are written while nothing waits.
      for (let at = 0; at < 64 * KiB; at++) await sink.write(Buffer.allocUnsafeSlow(1).fill(at % 251))
      stored.push(await sink.end())
      continue
    }
    const taken = values.announce('r', stream, ofSize(64 * KiB)).take(sink)
    trickle(values, stream, 64 * KiB)
    stored.push(await taken)
  }
  expect(spool.memoryBytes).toBe(5 * 64 * KiB)
  expect(held() - before).toBeLessThan(5 * 64 * 4)
  for (const value of stored) {
    const { data } = await readWhole(value)
    expect(data.every((byte, at) => byte === at % 251)).toBe(true)
    await value.release()
  }
})

test('what waits for a slow sink is bounded by its credit, however small the chunks are', async () => {
  const values = new IncomingValues(link)
  const size = 256 * KiB
  let writes = 0
  let bytes = 0
  let goOn!: () => void
  const isFree = new Promise<void>((resolve) => (goOn = resolve))
  const taken = values.announce('r', 1, ofSize(size)).take({
    write: async (chunk) => {
      writes++
      bytes += chunk.length
      await isFree
    },
    end: () => 'all of it',
    abort: () => undefined,
  })
  const before = held()
  trickle(values, 1, size)
  await new Promise((resolve) => setImmediate(resolve))
  expect(held() - before).toBeLessThan(4 * KiB)
  goOn()
  expect(await taken).toBe('all of it')
  expect([bytes, writes < 50]).toEqual([size, true])
})
