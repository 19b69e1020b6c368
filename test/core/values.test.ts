import { readFileSync } from 'node:fs'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { NotSerializableError } from '../../src/core/errors.ts'
import type { Encoded } from '../../src/core/value.ts'
import { decode } from '../../src/core/values/decode.ts'
import { encode } from '../../src/core/values/encode.ts'
import { toPlainJson } from '../../src/core/values/plain-json.ts'
import { preview } from '../../src/core/values/preview.ts'
import { difference } from './difference.ts'

const crossed = <T>(value: T): T => decode(encode(value)) as T
const textOf = ({ data, textBytes }: Encoded): string => Buffer.from(data).toString('utf8', 0, textBytes)

function refusal(value: unknown, label = 'input'): string {
  try {
    encode(value, label)
  } catch (error) {
    expect(error).toBeInstanceOf(NotSerializableError)
    return (error as Error).message
  }
  throw new Error('It was not refused.')
}

/** A list inside a list, so many brackets deep. */
function nested(depth: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = [value]
  return value
}

test('the comparison of these tests can fail', () => {
  for (const [a, b] of [
    [0, -0],
    [[undefined], Array(1)],
    [{ a: 1 }, { a: 1n }],
    [new Map([[1, 2]]), new Map([[1, 3]])],
    [new Date(1), new Date(2)],
    [new Error('a'), new Error('b')],
  ]) {
    expect(difference(a, b)).toBeDefined()
  }
})

describe('what crosses', () => {
  test('plain data is plain JSON, without a copy of ours in between', () => {
    const value = { id: 1, name: 'é 😀', list: [1.5, null, true, { deep: [] }], gone: undefined }
    const encoded = encode(value)
    expect(encoded.format).toBe('json')
    expect(textOf(encoded)).toBe(JSON.stringify(value))
    expect(decode(encoded)).toStrictEqual({ id: 1, name: 'é 😀', list: [1.5, null, true, { deep: [] }] })
  })

  test.each([
    ['undefined at the top', undefined],
    ['undefined in an array, a Map and a Set', [undefined, new Map([[undefined, undefined]]), new Set([undefined])]],
    ['numbers that JSON lacks', [Number.NaN, Infinity, -Infinity, -0, 0]],
    ['bigints', [0n, -1n, 2n ** 64n, 10n ** 1_000n - 1n, 10n ** 1_000n, -(10n ** 5_000n)]],
    ['dates, an invalid one too', [new Date('2024-02-29T12:00:00.123Z'), new Date(8.64e15), new Date(-8.64e15), new Date(Number.NaN)]],
    ['holes', [Object.assign(Array(5), { 1: 1, 3: undefined }), Array(3)]],
    ['halves of surrogate pairs, as text and as key', [{ '\ud800': '\udfff', pair: '\ud83d\ude00' }, undefined]],
    ['URLs and RegExps', [new URL('https://user:pw@example.org:81/a b?x=ü#h'), /a\/(?<n>b+)\n/dgimsuy, new RegExp('')]],
    ['keys that mean something elsewhere', JSON.parse('{"$":"date","v":1,"__proto__":{"$":{"$":1}},"constructor":1,"toString":null}')],
    [
      'a Map with keys of any kind',
      new Map<unknown, unknown>([
        ['k', 1],
        [{ a: 1 }, [new Set([1n])]],
        [Number.NaN, -0],
      ]),
    ],
    [
      'bytes of every kind',
      [
        new Int8Array([1, -1]),
        new Uint8Array(3),
        new Uint8ClampedArray([255]),
        new Int16Array([-2]),
        new Uint16Array([9]),
        new Int32Array([-3]),
        new Uint32Array([7]),
        new Float32Array([1.5]),
        new Float64Array([Math.PI, Number.NaN]),
        new BigInt64Array([-5n]),
        new BigUint64Array([5n]),
        new DataView(new ArrayBuffer(5), 1),
        new ArrayBuffer(3),
        Buffer.from('hello'),
      ],
    ],
    [
      'errors with a cause and fields',
      Object.assign(new TypeError('t', { cause: new RangeError('r', { cause: 'text' }) }), { code: 'E', when: new Date(5), n: 1n }),
    ],
    ['several errors in one', new AggregateError([new Error('a'), 'b', undefined], 'both')],
    ['an error whose code is odd', Object.assign(new Error('x'), { code: { nested: Number.NaN } })],
  ])('%s', (_, value) => {
    const encoded = encode(value)
    expect(encoded.format).toBe('tagged')
    expect(difference(decode(encoded), value)).toBeUndefined()
  })

  test('an object without a prototype comes back as an ordinary one', () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1 })
    expect(crossed(bare)).toStrictEqual({ a: 1 })
    expect(encode(bare).format).toBe('json')
  })

  test('values of another realm', () => {
    const foreign: unknown = runInNewContext(
      '({ list: [1], when: new Date(5), map: new Map([[1, 2]]), bytes: new Uint8Array([1]), error: new TypeError("x"), re: /a/ })',
    )
    expect(crossed(foreign)).toMatchObject({ list: [1], when: new Date(5), map: new Map([[1, 2]]), bytes: new Uint8Array([1]), re: /a/ })
    expect((crossed(foreign) as { error: unknown }).error).toBeInstanceOf(TypeError)
  })

  test('the value may be changed as soon as it is encoded', () => {
    const bytes = new Uint8Array([1, 2, 3])
    const encoded = encode({ bytes })
    bytes.fill(0)
    expect(decode(encoded)).toEqual({ bytes: new Uint8Array([1, 2, 3]) })
  })

  test('a value seen twice is two values on the other side', () => {
    const shared = { n: 1 }
    const { a, b } = crossed({ a: shared, b: shared })
    expect(a).toEqual(shared)
    expect(a).not.toBe(b)
  })

  test('typed arrays are views of the document, with no copy; an ArrayBuffer is its own', () => {
    for (let length = 0; length < 16; length++) {
      const encoded = encode(['x'.repeat(length), new Uint8Array([1]), new Float64Array([1, 2]), new ArrayBuffer(4)])
      const [, bytes, numbers, buffer] = decode(encoded) as [string, Uint8Array, Float64Array, ArrayBuffer]
      expect(bytes.buffer).toBe(encoded.data.buffer)
      expect(numbers.buffer).toBe(encoded.data.buffer)
      expect(numbers).toEqual(new Float64Array([1, 2]))
      expect(buffer.byteLength).toBe(4)
    }
  })

  test('typed arrays are read from a document that lies at an odd place', () => {
    const { data, ...rest } = encode({ numbers: new Float64Array([1.5, -2]) })
    const shifted = new Uint8Array(data.length + 3).subarray(3)
    shifted.set(data)
    expect(decode({ ...rest, data: shifted })).toEqual({ numbers: new Float64Array([1.5, -2]) })
  })

  test('a document in a Buffer reads the same', () => {
    const { data, ...rest } = encode({ numbers: new Float64Array([1.5, -2]), memory: new Uint8Array([1, 2]).buffer })
    const inside = Buffer.concat([Buffer.alloc(3), data]).subarray(3)
    const { numbers, memory } = decode({ ...rest, data: inside }) as { numbers: Float64Array; memory: ArrayBuffer }
    expect(numbers).toEqual(new Float64Array([1.5, -2]))
    expect([...new Uint8Array(memory)]).toEqual([1, 2])
  })

  test('a getter is asked for its value', () => {
    expect(
      crossed({
        get now() {
          return 5
        },
      }),
    ).toStrictEqual({ now: 5 })
  })
})

describe('what is refused, with its path', () => {
  class Money {
    amount = 1
  }
  class Dated {
    toJSON(): string {
      return 'x'
    }
  }
  class Stamp extends Date {}
  const cycle: { a: { list: unknown[] } } = { a: { list: [] } }
  cycle.a.list.push(new Map([['k', cycle.a]]))

  test.each<[string, unknown, string]>([
    [
      'a function',
      { a: { deep: [0, () => 1] } },
      'input.a.deep[1] is a function: it cannot cross a container border. Pass data, or make it a task.',
    ],
    ['a function in a tag', { $: { f() {} } }, 'input.$.f is a function: it cannot cross'],
    [
      'a task',
      { t: Object.assign(() => 1, { '~task': {} }) },
      'input.t is a task: it cannot cross a container border. Pass data, and call the task where it is needed.',
    ],
    ['a symbol', new Set([Symbol('s')]), 'input.values()[0] is the symbol Symbol(s): it cannot cross'],
    ['a promise', { n: Promise.resolve(1) }, 'input.n is a Promise: await it first'],
    ['a thenable', { n: { then() {} } }, 'input.n is a Promise: await it first'],
    ['a run', { n: Object.assign(Promise.resolve(1), { [Symbol.for('cowait.run')]: true }) }, 'input.n is a TaskRun: await it first'],
    ['a cycle', cycle, 'input.a.list[0].get("k") refers back to input.a: cycles cannot cross'],
    [
      'a class instance',
      { m: new Money() },
      'input.m is an instance of Money: its class cannot cross a container border. Pass plain data, such as { ...value }.',
    ],
    [
      'a class instance with toJSON',
      [new Dated()],
      'input[0] is an instance of Dated: its class cannot cross a container border. Pass what its toJSON() returns.',
    ],
    ['a subclass of a built-in class', { at: new Stamp() }, 'input.at is an instance of Stamp:'],
    ['something that only looks like a Date', Object.create(Date.prototype), 'input is an instance of Date:'],
    ['a WeakMap', { w: new WeakMap() }, 'input.w is an instance of WeakMap:'],
    ['a boxed number', [Object(1)], 'input[0] is an instance of Number:'],
    ['a generator', { *gen() {} }.gen(), 'input is an instance of'],
    [
      'shared memory',
      { s: new SharedArrayBuffer(1) },
      'input.s is shared memory: it cannot cross a container border. Pass a copy of its bytes.',
    ],
    [
      'an AbortSignal',
      { s: new AbortController().signal },
      'input.s is an AbortSignal: it cannot cross a container border. Pass it as the option signal of the call.',
    ],
    ['a symbol as a key', { a: { [Symbol('k')]: 1 } }, 'input.a has the symbol key Symbol(k): it cannot cross'],
    ['a key of a Map', new Map([[() => 1, 1]]), 'input.keys()[0] is a function:'],
    ['a value below an odd key', { 'my key': [new Map([[{}, { f() {} }]])] }, 'input["my key"][0].values()[0].f is a function:'],
    [
      'an array that is nearly all holes',
      { a: Object.assign([], { 4_000_000_000: 1 }) },
      'input.a is a sparse array with more than 100000 holes: pass a Map or an object instead.',
    ],
    [
      'a getter that throws',
      {
        get x() {
          throw new Error('boo')
        },
      },
      'input cannot be read: boo.',
    ],
    ['a RegExp too long', [new RegExp('a'.repeat(16_385))], 'input[0] is a RegExp too long: one may have 16384 characters'],
  ])('%s', (_, value, message) => {
    expect(refusal(value)).toContain(message)
  })

  test('a hidden symbol key is no obstacle', () => {
    const marked = Object.defineProperty({ a: 1 }, Symbol('hidden'), { value: 1 })
    expect(crossed(marked)).toEqual({ a: 1 })
  })

  test('a long path is shortened, and a value too deep is refused at the same depth on both ends', () => {
    expect(decode(encode(nested(1_000)))).toEqual(nested(1_000))
    expect(refusal(nested(1_001))).toBe(
      'input[0][0][0][0][0][0](…)[0][0][0][0][0][0] is nested more than 1000 levels deep: pass a flat list with ids instead of a chain of objects.',
    )
    expect(refusal(nested(100_000))).toContain('more than 1000 levels deep')
  })

  test.each([
    ['a date', (): unknown => new Date(0)],
    ['undefined', (): unknown => undefined],
    ['a Map', (): unknown => new Map([[1, 1]])],
    ['a Set', (): unknown => new Set([[]])],
    ['a RegExp', (): unknown => /a/],
    ['bytes', (): unknown => new Uint8Array(1)],
    ['an error', (): unknown => Object.assign(new Error('x', { cause: [] }), { f: [] })],
    ['an object with a $', (): unknown => ({ $: [1] })],
    ['a hole', (): unknown => Array(1)],
  ])('%s just below the deepest place either crosses or is refused here', (_, make) => {
    let refused = 0
    for (let depth = 990; depth <= 1_000; depth++) {
      let value = make()
      for (let i = 0; i < depth; i++) value = [value]
      try {
        decode(encode(value))
      } catch (error) {
        expect(error).toBeInstanceOf(NotSerializableError)
        refused++
      }
    }
    expect(refused).toBeGreaterThan(0)
    expect(refused).toBeLessThan(10)
  })

  test('a wide value with a cycle at its end is refused at once', () => {
    const wide: unknown[] = Array.from({ length: 100_000 }, (_, i) => ({ i }))
    wide.push(wide)
    const started = performance.now()
    expect(refusal(wide)).toContain('input[100000] refers back to input')
    expect(performance.now() - started).toBeLessThan(2_000)
  })
})

describe('plain JSON for stdout', () => {
  test('writes each value in its nearest form', () => {
    const value = {
      at: new Date(0),
      bad: new Date(Number.NaN),
      n: [1n, Number.NaN, -0, undefined],
      map: new Map([['a', 1n]]),
      pairs: new Map([[1, 'x']]),
      set: new Set([1]),
      url: new URL('http://a/b'),
      re: /a/g,
      bytes: Buffer.from('hi'),
      buffer: new Uint8Array([104, 105]).buffer,
      numbers: new Float64Array([1.5, Number.NaN]),
      error: Object.assign(new RangeError('r', { cause: new Error('c') }), { code: 'X', at: new Date(0) }),
      none: undefined,
    }
    expect(JSON.parse(JSON.stringify(toPlainJson(encode(value))))).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      bad: null,
      n: ['1', null, 0, null],
      map: { a: '1' },
      pairs: [[1, 'x']],
      set: [1],
      url: 'http://a/b',
      re: '/a/g',
      bytes: 'aGk=',
      buffer: 'aGk=',
      numbers: [1.5, null],
      error: { at: '1970-01-01T00:00:00.000Z', name: 'RangeError', message: 'r', code: 'X', cause: { name: 'Error', message: 'c' } },
    })
  })

  test('prints nothing for undefined, and keeps a key called __proto__', () => {
    expect(toPlainJson(encode(undefined))).toBeUndefined()
    expect(JSON.stringify(toPlainJson(encode(JSON.parse('{"__proto__":{"a":1}}'))))).toBe('{"__proto__":{"a":1}}')
  })
})

describe('a preview', () => {
  test('is the text of a small value, and the size of a large one', () => {
    expect(preview(encode({ a: 1 }))).toEqual({ format: 'json', text: '{"a":1}' })
    expect(preview(encode('x'.repeat(70_000)))).toEqual({ bytes: 70_002 })
    expect(preview(encode('xxxx'), 5)).toEqual({ bytes: 6 })
  })

  test('leaves attachments out', () => {
    expect(preview(encode(new Uint8Array(100_000)))).toEqual({ format: 'tagged', text: '{"$":"bin","t":"u8","at":0,"n":100000}' })
  })

  test('never fails on what a worker may send', () => {
    expect(preview({ format: 'json', textBytes: 900, data: new Uint8Array([0xff, 0x7b]) })).toEqual({ format: 'json', text: '\ufffd{' })
  })
})

test('every example of the documentation is a document, and reads as it says', () => {
  const guide = readFileSync(new URL('../../docs/values.md', import.meta.url), 'utf8')
  const examples = [...guide.matchAll(/```json\n(.*?)```/gs)].flatMap(([, block = '']) => block.trim().split('\n'))
  const values = examples.map((text) => decode({ format: 'tagged', textBytes: Buffer.byteLength(text), data: Buffer.from(text) }))
  expect(values).toHaveLength(8)
  expect(values[0]).toMatchObject({
    name: 'QuotaError',
    code: 'QUOTA',
    data: { retryAfter: 30 },
    cause: { name: 'TypeError', message: '429' },
  })
  expect(values.slice(1)).toEqual([
    { duration: 5, tags: ['a', 'b'], none: null },
    undefined,
    [1, undefined, -0, 2n ** 64n, -255n],
    { at: new Date('2024-02-29T12:00:00Z'), from: new Date('2024-02-29T12:00:00.123Z'), never: new Date(Number.NaN) },
    new Map<unknown, unknown>([
      ['k', 1],
      [{ any: 'key' }, new Set([1, 2])],
    ]),
    { $: 'date', v: 'this is data', when: new Date(0) },
    { link: new URL('https://example.org/a?b#c'), pattern: /^a+$/gi },
  ])
})
