import { describe, expect, test } from 'vitest'
import { MAX_LINE_BYTES, MAX_RECORD_BYTES, OutputLines, type OutputItem } from '../../src/protocol/output.ts'
import { Random } from './random.ts'

function items(...chunks: readonly (string | Uint8Array)[]): OutputItem[] {
  const found: OutputItem[] = []
  const lines = new OutputLines((item) => found.push(item))
  for (const chunk of chunks) lines.push(Buffer.from(chunk))
  lines.end()
  return found
}

function raw(text: string, more?: true): OutputItem {
  return { level: 'info', stream: 'stdout', text, ...(more ? { more } : {}) }
}

function marked(record: unknown): string {
  return `\x1e${JSON.stringify(record)}\n`
}

const record = { level: 'warn', stream: 'log', text: 'hm', fields: { a: [1] } } as const

describe('raw output', () => {
  test('becomes lines', () => {
    expect(items('one\ntwo\n')).toEqual([raw('one'), raw('two')])
  })

  test('keeps empty lines, and a last line without an end', () => {
    expect(items('\n\na\n\nlast')).toEqual([raw(''), raw(''), raw('a'), raw(''), raw('last')])
    expect(items('')).toEqual([])
  })

  test('loses the carriage return before a newline, and no other', () => {
    expect(items('one\r\n50 %\r100 %\r\n\r\n', 'split\r', '\nend\r')).toEqual([
      raw('one'),
      raw('50 %\r100 %'),
      raw(''),
      raw('split'),
      raw('end'),
    ])
  })

  test('may be cut anywhere, also inside a character', () => {
    const bytes = Buffer.from('größe 😀\nzwei\n')
    for (let at = 1; at < bytes.length; at++)
      expect(items(bytes.subarray(0, at), bytes.subarray(at))).toEqual([raw('größe 😀'), raw('zwei')])
  })

  test('may hold anything: NUL, escapes, a byte order mark, invalid UTF-8', () => {
    expect(items(Buffer.concat([Buffer.from('a\0b\x1b[1m\ufeffc'), Buffer.from([0xff, 0xc3]), Buffer.from('d\n')]))).toEqual([
      raw('a\0b\x1b[1m\ufeffc\ufffd\ufffdd'),
    ])
  })

  test('with a very long line comes in pieces, of which only the last ends the line', () => {
    const found = items('before\n', 'x'.repeat(10_000_000), '\nafter\n')
    expect(found.length).toBe(2 + Math.ceil(10_000_000 / MAX_LINE_BYTES))
    const pieces = found.slice(1, -1) as { text: string; more?: boolean }[]
    expect(pieces.map(({ more }) => more ?? false)).toEqual([...Array(pieces.length - 1).fill(true), false])
    expect(pieces.map(({ text }) => text).join('').length).toBe(10_000_000)
    expect(found.at(-1)).toEqual(raw('after'))
  })

  test('is not cut inside a character, nor inside the end of a line', () => {
    const euros = '€'.repeat(200_000)
    const found = items(`${euros}\n`) as { text: string }[]
    expect(found.length).toBe(3)
    expect(found.map(({ text }) => text).join('')).toBe(euros)
    expect(items(`${'x'.repeat(MAX_LINE_BYTES - 1)}\r\n`)).toEqual([raw('x'.repeat(MAX_LINE_BYTES - 1))])
    expect(items(`${'x'.repeat(MAX_LINE_BYTES)}\r\n`)).toEqual([raw('x'.repeat(MAX_LINE_BYTES), true), raw('')])
    expect(items(`${'x'.repeat(MAX_LINE_BYTES)}\n`)).toEqual([raw('x'.repeat(MAX_LINE_BYTES))])
  })
})

describe('a record', () => {
  test('stands between raw lines, in order', () => {
    expect(items('one\n', marked(record), 'two\n')).toEqual([raw('one'), record, raw('two')])
  })

  test('may begin in the middle of a line, which it ends', () => {
    expect(items('prompt> ', marked(record), 'two\n', `three${marked(record)}four`)).toEqual([
      raw('prompt> '),
      record,
      raw('two'),
      raw('three'),
      record,
      raw('four'),
    ])
  })

  test('may be a flush mark', () => {
    expect(items('last words', marked({ flush: 'token' }))).toEqual([raw('last words'), { flush: 'token' }])
  })

  test('is found whatever the chunks are', () => {
    const bytes = Buffer.from(`a${marked(record)}${marked(record)}b\n${marked({ flush: 'f' })}`)
    for (let at = 1; at < bytes.length; at++) {
      expect(items(bytes.subarray(0, at), bytes.subarray(at))).toEqual([raw('a'), record, record, raw('b'), { flush: 'f' }])
    }
  })

  test('loses fields that are not known', () => {
    expect(items(marked({ ...record, later: 1 }))).toEqual([record])
  })

  test.each([
    ['no JSON', '\x1ehello\n'],
    ['broken JSON', '\x1e{"level":"info"\n'],
    ['JSON that is no record', '\x1e{"a":1}\n'],
    ['a wrong level', marked({ ...record, level: 'fatal' })],
    ['a wrong stream', marked({ ...record, stream: 'stdin' })],
    ['no text', marked({ ...record, text: 5 })],
    ['wrong fields', marked({ ...record, fields: [1] })],
    [
      'fields that are nested too deep',
      `\x1e{"level":"info","stream":"log","text":"","fields":${'{"a":'.repeat(5000)}1${'}'.repeat(5001)}\n`,
    ],
    ['a wrong more', marked({ ...record, more: 'yes' })],
    ['a wrong flush mark', marked({ flush: 5 })],
  ])('with %s stays raw text, and what follows is unhurt', (_, text) => {
    expect(items(text, marked(record))).toEqual([raw(text.slice(0, -1)), record])
  })

  test('that is cut short by another is raw text, and the other is found', () => {
    const whole = marked(record)
    expect(items(`${whole.slice(0, 10)}${whole}`)).toEqual([raw(whole.slice(0, 10)), record])
    expect(items(whole.slice(0, 10), whole.slice(0, 5), whole)).toEqual([raw(whole.slice(0, 10)), raw(whole.slice(0, 5)), record])
  })

  test('that is torn by raw text loses nothing', () => {
    const whole = marked(record)
    expect(items(`${whole.slice(0, 10)}native\n${whole.slice(10)}next\n`)).toEqual([
      raw(`${whole.slice(0, 10)}native`),
      raw(whole.slice(10, -1)),
      raw('next'),
    ])
  })

  test('that is too long comes as raw text in pieces', () => {
    const long = { ...record, text: 'y'.repeat(MAX_RECORD_BYTES) }
    const found = items(marked(long), marked(record)) as { text: string; more?: boolean }[]
    expect(
      found
        .slice(0, -1)
        .map(({ text }) => text)
        .join(''),
    ).toBe(marked(long).slice(0, -1))
    expect(found.slice(0, -1).map(({ more }) => more ?? false)).toEqual([true, true, false])
    expect(found.at(-1)).toEqual(record)
    const fitting = { ...record, text: 'y'.repeat(MAX_RECORD_BYTES - 1000) }
    expect(items(marked(fitting))).toEqual([fitting])
  })

  test('may be anything that the union allows', () => {
    for (const each of [
      { level: 'debug', stream: 'stdout', text: '' },
      { level: 'error', stream: 'stderr', text: '\u0000\u001e\n', more: true },
      { level: 'info', stream: 'log', text: 'x', fields: {}, more: false },
    ] as const) {
      expect(items(marked(each))).toEqual([each])
    }
  })
})

test('the items do not depend on how the bytes are cut', () => {
  const random = new Random(3)
  const parts = [
    '\n',
    '\r\n',
    '\r',
    'text',
    '\x1e',
    '\x1e{',
    marked(record),
    '€',
    '\0',
    'x'.repeat(70_000),
    'y'.repeat(300_000),
    `\x1e${'{'.repeat(600_000)}`,
  ]
  for (let round = 0; round < 30; round++) {
    const bytes = Buffer.concat(
      Array.from({ length: 30 }, () => (random.below(8) === 0 ? random.bytes(5) : Buffer.from(random.pick(parts)))),
    )
    const chunks: Buffer[] = []
    const most = random.pick([1000, 70_000, 1_000_000])
    for (let at = 0; at < bytes.length;) {
      const size = 1 + random.below(most)
      chunks.push(bytes.subarray(at, at + size))
      at += size
    }
    const whole = items(bytes)
    const cut = items(...chunks)
    expect(cut.length).toBe(whole.length)
    expect(JSON.stringify(cut) === JSON.stringify(whole)).toBe(true)
  }
})

describe('hostile output costs little', () => {
  const workFor = (bytes: Buffer): number => {
    let count = 0
    const lines = new OutputLines(() => count++)
    const start = process.cpuUsage()
    for (let at = 0; at < bytes.length; at += 65_536) lines.push(bytes.subarray(at, at + 65_536))
    lines.end()
    expect(count).toBeGreaterThan(0)
    return process.cpuUsage(start).user / 1000
  }

  test.each([
    ['a million short lines', 'line\n', 1_000_000],
    ['markers only', '\x1e', 1_000_000],
    ['markers and text', 'x\x1e', 500_000],
    ['broken records', '\x1e{a}', 250_000],
    ['a line without an end', 'x', 50_000_000],
    ['a record without an end', `\x1e${'{'.repeat(999_999)}`, 20],
  ])('%s', { timeout: 120_000 }, (_, text, times) => {
    expect(workFor(Buffer.from(text.repeat(times)))).toBeLessThan(8000)
  })

  test('one byte at a time', () => {
    let count = 0
    const lines = new OutputLines(() => count++)
    const byte = Buffer.from('x')
    for (let n = 0; n < 1_000_000; n++) lines.push(byte)
    lines.end()
    expect(count).toBe(Math.ceil(1_000_000 / MAX_LINE_BYTES))
  })
})
