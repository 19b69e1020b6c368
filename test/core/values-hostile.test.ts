import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { ProtocolError, RemoteError } from '../../src/core/errors.ts'
import type { Encoded } from '../../src/core/value.ts'
import { decode } from '../../src/core/values/decode.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function document(text: string, attachments = 0, format: 'json' | 'tagged' = 'tagged'): Encoded {
  const json = Buffer.from(text)
  const data = new Uint8Array(json.length + attachments)
  data.set(json)
  return { format, textBytes: json.length, data }
}

function fault(encoded: Encoded): string {
  try {
    decode(encoded)
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError)
    expect((error as Error).message.length).toBeLessThan(500)
    return (error as Error).message
  }
  throw new Error('It was not refused.')
}

const many = (item: string, count: number): string => `[${Array.from({ length: count }, () => item).join(',')}]`

describe('malformed documents', () => {
  test.each<[string, string]>([
    ['{"a":[1,{"$":"foo"}]}', 'value.a[1] is malformed: there is no tag "foo".'],
    ['{"$":5}', 'there is no tag 5'],
    ['{"$":{}}', 'there is no tag an object'],
    ['{"$":"num","v":1}', 'tag "num" is for NaN'],
    ['{"$":"num","v":"12"}', 'not "12"'],
    ['{"$":"int"}', 'tag "int" needs'],
    ['{"$":"int","v":"1e5"}', 'not "1e5"'],
    ['{"$":"int","v":""}', 'not ""'],
    [`{"$":"int","v":"${'9'.repeat(2_000)}"}`, 'at most 1000 decimal digits'],
    ['{"$":"date","v":"next tuesday"}', 'needs a date and time, not "next tuesday"'],
    ['{"$":"date","v":0}', 'not 0'],
    ['{"$":"date","v":"2024-13-45T00:00:00Z"}', 'needs a date and time'],
    ['{"$":"url","v":"no url"}', 'tag "url" has "no url": Invalid URL'],
    ['{"$":"url","v":7}', 'tag "url" needs a text'],
    ['{"$":"re","v":"(","f":""}', 'tag "re" has "("'],
    ['{"$":"re","v":"a","f":"qq"}', 'tag "re" has "a"'],
    ['{"$":"re","v":"a"}', 'flags "f"'],
    [`{"$":"re","v":"${'a'.repeat(16_385)}","f":""}`, 'at most 16384 characters'],
    [many(`{"$":"re","v":"${'a'.repeat(16_000)}","f":""}`, 9), '131072 characters in all'],
    ['{"$":"map","v":{}}', 'tag "map" needs a list'],
    ['{"$":"map","v":[1]}', 'a list of pairs'],
    ['{"$":"map","v":[[1]]}', 'a list of pairs'],
    ['{"$":"set","v":1}', 'tag "set" needs a list'],
    ['{"$":"set","v":[{"$":"hole"}]}', 'a hole is only for arrays'],
    ['{"$":"hole"}', 'a hole is only for arrays'],
    ['{"$":"obj","v":[]}', 'tag "obj" needs an object'],
    ['{"$":"err","v":null}', 'tag "err" needs an object'],
    ['{"$":"err","v":{"name":1,"message":""}}', 'needs a name, a message'],
    ['{"$":"err","v":{"name":"E","message":"","type":[]}}', 'a list of classes'],
    ['{"$":"err","v":{"name":"E","message":"","data":[]}}', 'malformed data or errors'],
    ['{"$":"err","v":{"name":"E","message":"","errors":{}}}', 'malformed data or errors'],
    ['{"$":"bin","t":"u9","at":0,"n":0}', 'does not know the type "u9"'],
    ['{"$":"bin","t":"constructor","at":0,"n":0}', 'does not know the type "constructor"'],
    ['{"$":"bin","t":"f64","at":0,"n":7}', 'no whole number of items'],
    ['{"$":"bin","t":"u8","at":0,"n":9}', 'not within the 8 bytes behind the text'],
    ['{"$":"bin","t":"u8","at":-1,"n":2}', 'not within'],
    ['{"$":"bin","t":"u8","at":9007199254740991,"n":9007199254740991}', 'not within'],
    ['{"$":"bin","t":"u8","at":0.5,"n":1}', 'not within'],
    ['{"$":"bin","t":"u8","at":"0","n":1}', 'not within'],
    ['[{"$":"bin","t":"u8","at":0,"n":5},{"$":"bin","t":"u8","at":4,"n":2}]', 'share the same bytes'],
    ['[{"$":"bin","t":"ab","at":0,"n":8},{"$":"bin","t":"ab","at":0,"n":8}]', 'share the same bytes'],
    ['{', 'value is not JSON in UTF-8'],
    ['', 'value is not JSON in UTF-8'],
    ['\ufeff1', 'value is not JSON in UTF-8'],
  ])('%s', (text, message) => {
    expect(fault(document(text, 8))).toContain(message)
  })

  test('sizes that do not fit', () => {
    for (const textBytes of [-1, 3, 1.5, Number.NaN, Infinity, '1' as unknown as number]) {
      expect(fault({ format: 'tagged', textBytes, data: new Uint8Array(2) })).toContain('bytes of text cannot be in a document of 2 bytes')
    }
    expect(fault(document('1', 1, 'json'))).toContain('plain JSON has no attachments')
    expect(fault(document('1', 0, 'yaml' as 'json'))).toContain('"yaml" is not a format')
  })

  test('bytes that are no UTF-8', () => {
    expect(fault({ format: 'json', textBytes: 3, data: new Uint8Array([0x22, 0xff, 0x22]) })).toContain('not JSON in UTF-8')
  })

  test('documents too deep, in both formats, also with brackets in their texts', () => {
    for (const format of ['json', 'tagged'] as const) {
      expect(fault(document('['.repeat(1_001) + ']'.repeat(1_001), 0, format))).toContain('nested more than 1000 levels deep')
      expect(fault(document('{"a":'.repeat(5_000_000 / 5), 0, format))).toContain('nested more than 1000 levels deep')
      const texts = ['[{'.repeat(2_000), `"${'['.repeat(2_000)}`, '\\'.repeat(2_001)]
      expect(decode(document(JSON.stringify(texts), 0, format))).toEqual(texts)
      expect(fault(document(`["\\\\",${'['.repeat(1_001)}${']'.repeat(1_001)}]`, 0, format))).toContain('nested more than 1000 levels deep')
    }
  })
})

describe('prototypes', () => {
  test.each([
    '{"__proto__":{"polluted":1},"a":{"$":"undef"}}',
    '{"__proto__":{"$":"map","v":[]},"constructor":{"prototype":{"polluted":1}}}',
    '{"$":"obj","v":{"__proto__":{"polluted":1},"$":1}}',
    '{"$":"err","v":{"name":"E","message":"","data":{"__proto__":{"polluted":1},"constructor":{"$":"undef"}},"__proto__":{"stack":"x"}}}',
    '{"$":"err","v":{"name":"__proto__","message":"","type":["__proto__","constructor","prototype"]}}',
    '{"$":"err","v":{"name":"TypeError","message":"","data":{"__proto__":{"polluted":1},"stack":1,"message":{"a":1},"toString":1}}}',
    '{"__proto__":{"$":"date","v":null}}',
  ])('%s changes no prototype', (text) => {
    for (const format of ['json', 'tagged'] as const) {
      const value = decode(document(text, 0, format)) as object
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
      expect(Reflect.ownKeys(Object.prototype)).toEqual(objectKeys)
      expect([Object.prototype, Error.prototype, TypeError.prototype, RemoteError.prototype]).toContain(Object.getPrototypeOf(value))
      expect((value as { polluted?: unknown }).polluted).toBeUndefined()
    }
  })

  test('an error keeps its own message and stack whatever its data says', () => {
    const error = decode(
      document('{"$":"err","v":{"name":"TypeError","message":"m","data":{"message":{"a":1},"stack":1,"name":"x","cause":2,"n":3}}}'),
    ) as Error
    expect({ message: error.message, stack: error.stack, name: error.name, own: Object.keys(error) }).toEqual({
      message: 'm',
      stack: 'TypeError: m',
      name: 'TypeError',
      own: ['n'],
    })
  })

  test('a polluted prototype of ours is not taken for data', () => {
    const shared = Object.prototype as Record<string, unknown>
    shared['$'] = 'date'
    try {
      expect(decode(document('{"a":{}}'))).toEqual({ a: {} })
    } finally {
      delete shared['$']
    }
  })
})

const objectKeys = Reflect.ownKeys(Object.prototype)

describe('memory', () => {
  test.each<[string, () => Encoded]>([
    ['empty objects, as plain JSON', () => document(many('{}', 300_000), 0, 'json')],
    ['empty objects', () => document(many('{}', 300_000))],
    ['empty lists', () => document(many('[]', 300_000))],
    ['holes', () => document(many('{"$":"hole"}', 80_000))],
    ['Maps', () => document(many('{"$":"map","v":[]}', 50_000))],
    ['Sets', () => document(many('{"$":"set","v":[]}', 50_000))],
    ['errors', () => document(many('{"$":"err","v":{"name":"E","message":""}}', 25_000))],
    ['built-in errors', () => document(many('{"$":"err","v":{"name":"TypeError","message":""}}', 25_000))],
    ['DOMExceptions', () => document(many('{"$":"err","v":{"name":"DOMException","message":""}}', 20_000))],
    ['URLs', () => document(many('{"$":"url","v":"a:"}', 50_000))],
    ['RegExps', () => document(many('{"$":"re","v":"a","f":""}', 40_000))],
    ['empty arrays of bytes', () => document(many('{"$":"bin","t":"u8","at":0,"n":0}', 30_000))],
    ['empty ArrayBuffers', () => document(many('{"$":"bin","t":"ab","at":0,"n":0}', 30_000))],
    ['integers', () => document(many(`{"$":"int","v":"${'9'.repeat(1_000)}"}`, 1_000))],
    ['a huge integer', () => document(`{"$":"int","v":"0x${'f'.repeat(1_000_000)}"}`)],
    ['far apart keys', () => document(`{${Array.from({ length: 50_000 }, (_, i) => `"${i * 80_000}":0`).join(',')}}`)],
  ])('%s take a small multiple of the document', (_, make) => {
    const encoded = make()
    collectGarbage()
    const before = process.memoryUsage()
    const value = decode(encoded)
    collectGarbage()
    const after = process.memoryUsage()
    const grown = after.heapUsed + after.external - before.heapUsed - before.external
    expect(grown / encoded.data.length).toBeLessThan(40)
    expect(value).toBeDefined()
  })

  test('the same attachment claimed again and again is refused before it is copied', () => {
    const encoded = document(many('{"$":"bin","t":"ab","at":0,"n":10000000}', 10_000), 10_000_000)
    const before = process.memoryUsage().arrayBuffers
    expect(fault(encoded)).toContain('share the same bytes')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000)
  })
})
