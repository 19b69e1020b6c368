import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../src/core/errors.ts'
import { encodeFrame, FrameParser, MAX_BODY_BYTES, MAX_HEADER_BYTES, type RawMessage } from '../../src/protocol/frames.ts'
import { Random } from './random.ts'

interface Frame {
  readonly raw: RawMessage
  readonly body: Uint8Array
}

function parse(chunks: Iterable<Uint8Array>): Frame[] {
  const frames: Frame[] = []
  const parser = new FrameParser((raw, body) => frames.push({ raw, body }))
  for (const chunk of chunks) parser.push(chunk)
  parser.end()
  return frames
}

function fault(bytes: string | Uint8Array): string {
  try {
    parse([Buffer.from(bytes)])
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError)
    return (error as Error).message
  }
  throw new Error('nothing was wrong')
}

describe('a frame', () => {
  test('is a line of JSON', () => {
    expect(encodeFrame({ type: 'ping' }).toString()).toBe('{"type":"ping"}\n')
  })

  test('names the size of its body, which follows the line', () => {
    expect(encodeFrame({ type: 'x' }, Buffer.from('a\nb')).toString()).toBe('{"type":"x","body":3}\na\nb')
  })

  test('is found again in whatever pieces the bytes arrive', () => {
    const random = new Random(1)
    const sent = Array.from({ length: 60 }, (_, n) => ({
      raw: { type: `t${n}`, text: 'ä\n\u2028'.repeat(random.below(400)) },
      body: random.bytes(random.pick([0, 1, 10, 5000])),
    }))
    const bytes = Buffer.concat(sent.map(({ raw, body }) => encodeFrame(raw, body)))
    for (const most of [1, 2, 7, 100, 70_000, bytes.length]) {
      const chunks: Buffer[] = []
      for (let at = 0; at < bytes.length;) {
        const size = 1 + random.below(most)
        chunks.push(bytes.subarray(at, at + size))
        at += size
      }
      const received = parse(chunks)
      expect(received.map(({ raw: { body: _, ...raw } }) => raw)).toEqual(sent.map(({ raw }) => raw))
      for (const [index, { body }] of received.entries()) expect(Buffer.compare(body, sent[index]!.body)).toBe(0)
    }
  })

  test('has a body of its own, which the next chunk does not change', () => {
    const chunk = encodeFrame({ type: 'x' }, Buffer.from('abc'))
    const [frame] = parse([chunk])
    chunk.fill(0)
    expect(Buffer.from(frame!.body).toString()).toBe('abc')
    expect(frame!.body.buffer.byteLength).toBe(3)
  })

  test('of the largest size passes', () => {
    const [frame] = parse([encodeFrame({ type: 'x' }, Buffer.alloc(MAX_BODY_BYTES))])
    expect(frame!.body.length).toBe(MAX_BODY_BYTES)
  })

  test('that is too large is refused by its sender', () => {
    expect(() => encodeFrame({ type: 'x' }, Buffer.alloc(MAX_BODY_BYTES + 1))).toThrow(
      /body of 262145 bytes; a frame carries at most 262144/,
    )
    expect(() => encodeFrame({ type: 'x', text: 'a'.repeat(MAX_HEADER_BYTES) } as { type: string })).toThrow(
      /of JSON; a frame carries at most/,
    )
  })
})

describe('a fault is named, with what came', () => {
  test.each([
    ['something else than a frame', 'HTTP/1.1 400 Bad Request\r\n\r\n', /begins with "{", but got "HTTP\/1.1 400/],
    ['an empty line', '\n', /but got "\\n"/],
    ['bytes after a body that is longer than it says', '{"type":"x","body":1}\nabc', /but got "bc"/],
    ['broken JSON', '{"type":\n', /not valid JSON: "{\\"type\\":"/],
    ['no type', '{"kind":"x"}\n', /has no type/],
    ['a type that is no text', '{"type":7}\n', /has no type/],
    ['an empty type', '{"type":""}\n', /has no type/],
    ['invalid UTF-8', Buffer.concat([Buffer.from('{"type":"'), Buffer.from([0xff]), Buffer.from('"}\n')]), /not valid UTF-8/],
    ['a negative body', '{"type":"x","body":-1}\n', /Message "x" has no valid body size/],
    ['half a byte', '{"type":"x","body":1.5}\n', /no valid body size/],
    ['a body in words', '{"type":"x","body":"9"}\n', /no valid body size/],
    ['a huge body', '{"type":"x","body":262145}\n', /its body has 262145 bytes; at most 262144/],
    ['an absurd body', '{"type":"x","body":1e300}\n', /no valid body size/],
    ['an end inside a line', '{"type":"x"', /ended inside a frame, after "{\\"type\\":\\"x\\""/],
    ['an end inside a body', '{"type":"x","body":5}\nabc', /3 of 5 bytes of the body of message "x"/],
  ])('%s', (_, bytes, message) => {
    expect(fault(bytes)).toMatch(message)
  })

  test('a line without an end is refused at its limit, whatever the pieces', () => {
    for (const piece of [1, 1000, MAX_HEADER_BYTES]) {
      const parser = new FrameParser(() => {})
      const bytes = Buffer.alloc(piece, 0x7b)
      let sent = 0
      const flood = (): void => {
        // One byte at a time only at both ends: the middle would take long.
        for (; sent <= MAX_HEADER_BYTES; sent += piece) parser.push(bytes)
      }
      if (piece === 1) {
        parser.push(Buffer.alloc(MAX_HEADER_BYTES - 2000, 0x7b))
        sent = MAX_HEADER_BYTES - 2000
      }
      expect(flood).toThrow(/line of JSON is longer than 4194304 bytes; it begins with "{{{/)
    }
  })

  test('a message about a long type stays short', () => {
    expect(fault(`{"type":"${'x'.repeat(100_000)}","body":300000}\n`).length).toBeLessThan(300)
  })
})

test('the work for a line that comes byte by byte grows with its length, not with its square', () => {
  const workFor = (length: number): number => {
    const parser = new FrameParser(() => {})
    const line = encodeFrame({ type: 'x', text: 'a'.repeat(length) } as { type: string })
    const start = process.cpuUsage()
    for (let at = 0; at < line.length; at++) parser.push(line.subarray(at, at + 1))
    return process.cpuUsage(start).user / 1000
  }
  workFor(20_000)
  const short = workFor(50_000)
  expect(workFor(400_000)).toBeLessThan(8 * 4 * short + 100)
})

test('a line that comes byte by byte costs memory for its bytes, not for its pieces', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const parser = new FrameParser(() => {})
  const brace = Buffer.from('{')
  collect()
  const before = process.memoryUsage().heapUsed
  for (let n = 0; n < 1_000_000; n++) parser.push(brace)
  collect()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(20 * 1024 * 1024)
  expect(() => parser.end()).toThrow(/ended inside a frame/)
})
