import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../src/core/errors.ts'
import type { RawMessage } from '../../src/protocol/frames.ts'
import { parseDown, parseUp } from '../../src/protocol/parse.ts'
import { both, down, events, up } from './samples.ts'

type Parse = (raw: RawMessage) => unknown
const all: readonly (readonly [string, Parse, RawMessage])[] = [
  ...[...up, ...both].map((message) => [`up ${message.type}`, parseUp, raw(message)] as const),
  ...[...down, ...both].map(
    (message) => [`down ${message.type}${message.type === 'event' ? ` ${message.event.type}` : ''}`, parseDown, raw(message)] as const,
  ),
]

function raw(message: unknown): RawMessage {
  return JSON.parse(JSON.stringify(message)) as RawMessage
}

function fault(parse: Parse, message: unknown): string {
  try {
    parse(message as RawMessage)
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError)
    return (error as Error).message
  }
  throw new Error(`nothing was wrong with ${JSON.stringify(message)}`)
}

describe.each(all)('%s', (_, parse, message) => {
  test('comes through as it was sent', () => {
    expect(parse(message)).toEqual(message)
  })

  test('loses fields that are not known', () => {
    expect(parse({ ...message, later: { a: 1 }, body: 3 })).toEqual(message)
  })

  test('is refused with a wrong field, which is named', () => {
    const inner = message['event'] ?? message
    for (const [field, value] of Object.entries(inner)) {
      if (field === 'type') continue
      const wrong = { ...inner, [field]: typeof value === 'object' ? 'wrong' : { wrong: true } }
      const text = fault(parse, inner === message ? wrong : { type: 'event', event: wrong })
      expect(text).toContain(`Message "${message.type}" has`)
      expect(text).toContain(field)
    }
  })
})

describe('a message', () => {
  test('of an unknown type is ignored', () => {
    for (const type of ['later', 'toString', '__proto__', 'constructor']) {
      expect(parseUp({ type })).toBeUndefined()
      expect(parseDown({ type })).toBeUndefined()
    }
    expect(parseDown({ type: 'event', event: { type: 'later', run: 'a' } })).toBeUndefined()
  })

  test('of the other direction is not understood', () => {
    expect(parseUp(raw(down[1]))).toBeUndefined()
    expect(parseDown(raw(up[2]))).toBeUndefined()
  })

  test.each([
    [parseUp, { type: 'done', run: 'a' }, 'Message "done" has no "value"; an object is needed.'],
    [
      parseUp,
      { type: 'done', run: 'a', value: { format: 'json', text: -1, size: 2 } },
      'Message "done" has "value.text": -1; a whole number from 0 is needed.',
    ],
    [
      parseUp,
      { type: 'done', run: 'a', value: { format: 'xml', text: 1, size: 2 } },
      'Message "done" has "value.format": "xml"; one of json, tagged is needed.',
    ],
    [
      parseUp,
      { type: 'done', run: 'a', value: { format: 'json', text: 3, size: 2 } },
      'Message "done" has "value" with 3 bytes of text in a value of 2 bytes.',
    ],
    [parseUp, { type: 'running', run: '' }, 'Message "running" has "run": ""; an id of 1 to 256 characters is needed.'],
    [parseUp, { type: 'running', run: 'x'.repeat(257) }, /^Message "running" has "run": "x{59}\.\.\.; an id/],
    [parseUp, { ...raw(up[2]), child: '../etc' }, /^Message "call" has "child": "..\/etc"; a DNS label .* is needed\.$/],
    [parseUp, { type: 'progress', run: 'a', value: '1' }, 'Message "progress" has "value": "1"; a number is needed.'],
    [parseUp, { ...raw(up[2]), options: { timeoutMs: 'soon' } }, /^Message "call" has wrong "options": .*timeoutMs/],
    [
      parseUp,
      { ...raw(up[2]), options: { tags: Object.fromEntries(Array.from({ length: 9000 }, (_, n) => [`t${n}`, 'x'.repeat(120)])) } },
      /^Message "call" has "options" of \d+ bytes; at most 1048576 are allowed\./,
    ],
    [parseUp, { type: 'fail', run: 'a', retryable: true }, /^Message "fail" has no "error"/],
    [parseDown, { ...raw(down[1]), env: { A: 1 } }, 'Message "run" has "env.A": 1; text is needed.'],
    [
      parseDown,
      { type: 'runs', request: 1, runs: [{ id: 'a' }] },
      'Message "runs" has no "runs[0].parent"; an id of 1 to 256 characters is needed.',
    ],
    [parseDown, { type: 'event' }, 'Message "event" has "event" without a type.'],
    [
      parseDown,
      { type: 'event', event: { ...events.log, fields: deep(5000) } },
      /has "event.fields": an object; an object of at most 64 levels/,
    ],
  ])('%# with a fault is refused in words', (parse, message, expected) => {
    const text = fault(parse as Parse, message)
    if (typeof expected === 'string') expect(text).toBe(expected)
    else expect(text).toMatch(expected)
  })

  test('may carry a variable called __proto__', () => {
    const message = JSON.parse(
      '{"type":"run","run":"a","key":"k","attempt":1,"task":{"module":"m","export":"e"},"name":"a","code":{"path":"/","cwd":"/","hash":""},"env":{"__proto__":"x"},"flush":"f","input":{"format":"json","text":0,"size":0}}',
    ) as RawMessage
    const parsed = parseDown(message) as { env: object }
    expect(Object.entries(parsed.env)).toEqual([['__proto__', 'x']])
  })

  test('with a very long error is cut, so that it can be passed on', () => {
    const error = {
      code: 'TASK_FAILED',
      name: 'n'.repeat(10_000),
      message: 'm'.repeat(1_000_000),
      stack: 's'.repeat(1_000_000),
      path: Array.from({ length: 500 }, (_, n) => ({ id: `r${n}`, task: 't'.repeat(5000), at: 'a'.repeat(5000) })),
      lastLines: Array.from({ length: 500 }, (_, n) => `${n} ${'l'.repeat(5000)}`),
    }
    const parsed = parseUp({ ...raw(up.find(({ type }) => type === 'fail')), error }) as unknown as { error: typeof error }
    expect(JSON.stringify(parsed).length).toBeLessThan(300_000)
    expect(parsed.error.message).toMatch(/^m{32764} \.\.\.$/)
    expect(parsed.error.path.at(-1)!.id).toBe('r499')
    expect(parsed.error.lastLines.at(-1)).toMatch(/^499 l+ \.\.\.$/)
  })
})

function deep(levels: number): object {
  let value: object = {}
  for (let level = 0; level < levels; level++) value = { a: value }
  return value
}
