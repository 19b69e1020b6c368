import fc from 'fast-check'

/** Strings with every UTF-16 unit, halves of surrogate pairs included. */
const anyText = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 4 }).map((units) => String.fromCharCode(...units)),
  fc.constantFrom('\ud800', '\udfff x', 'é', '😀', '\u2028', '\0', '"\\'),
)

const anyKey = fc.oneof(fc.constantFrom('__proto__', '$', 'constructor', 'toString', 'a', 'v', '0', '12', 'length', 'then', ''), anyText)

const bytes = fc.uint8Array({ maxLength: 20 })

/** Typed arrays, DataViews, Buffers and ArrayBuffers; some begin at an odd place of their memory. */
const anyBytes = fc.tuple(bytes, fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 3 })).map(([source, kind, skip]) => {
  const at = kind < 2 ? Math.min(skip, source.length) : 0
  const buffer = Uint8Array.from([...source, 0, 0, 0, 0, 0, 0, 0, 0]).buffer
  switch (kind) {
    case 0:
      return new Uint8Array(buffer, at, source.length - at)
    case 1:
      return Buffer.from(buffer, at, source.length - at)
    case 2:
      return new Int8Array(source)
    case 3:
      return new Uint8ClampedArray(source)
    case 4:
      return new Int16Array(buffer, 0, source.length >> 1)
    case 5:
      return new Uint16Array(source)
    case 6:
      return new Int32Array(source)
    case 7:
      return new Uint32Array(buffer, 4, source.length >> 2)
    case 8:
      return new Float32Array(source)
    case 9:
      return new Float64Array([...source].map((byte) => byte / 7))
    case 10:
      return new BigInt64Array([...source].map(BigInt))
    case 11:
      return new DataView(buffer, 1, source.length)
    default:
      return source.slice().buffer
  }
})

/** Without `^`, and without a space at the end of what has no host: a worker's Node may escape them where the test's does not. */
const anyUrl = fc
  .tuple(fc.constantFrom('http://a.example', 'https://user:pw@b.example:81', 'file:///x', 'data:text/plain,'), fc.string({ maxLength: 6 }))
  .map(([base, path]) => new URL(`${base}/${path.replaceAll(/\^| +(?=[?#])/g, '')}`))
const anyRegExp = fc
  .tuple(fc.constantFrom('', 'a+b', '^(?<x>[^/]*)$', '\\p{L}\\/', '\n', '😀'), fc.constantFrom('', 'g', 'iu', 'dgimsuy'))
  .map(([source, flags]) => new RegExp(source, flags))
const anyDate = fc.oneof(fc.date({ noInvalidDate: false }), fc.constant(new Date(Number.NaN)), fc.constant(new Date(-8.64e15)))

const leaf = fc.oneof(
  { weight: 4, arbitrary: anyText },
  { weight: 4, arbitrary: fc.oneof(fc.integer(), fc.double(), fc.constantFrom(-0, 0, Number.NaN, Infinity, -Infinity, 5e-324, 2 ** 53)) },
  { weight: 2, arbitrary: fc.constantFrom(null, true, false, undefined) },
  { weight: 1, arbitrary: fc.oneof(fc.bigInt(), fc.constantFrom(0n, -1n, 10n ** 1_000n, -(10n ** 1_100n))) },
  { weight: 1, arbitrary: anyDate },
  { weight: 1, arbitrary: anyUrl },
  { weight: 1, arbitrary: anyRegExp },
  { weight: 2, arbitrary: anyBytes },
)

function sparse(items: unknown[], holes: number[]): unknown[] {
  for (const hole of holes) if (hole < items.length) Reflect.deleteProperty(items, hole)
  return items
}

function record(entries: [string, unknown][], isBare: boolean): object {
  const fields = Object.fromEntries(entries)
  return isBare ? Object.defineProperties(Object.create(null) as object, Object.getOwnPropertyDescriptors(fields)) : fields
}

const errorClasses = [Error, TypeError, RangeError, SyntaxError, AggregateError] as const
const reserved = new Set(['name', 'message', 'stack', 'cause', 'errors', 'code'])

function error(kind: number, message: string, cause: unknown, fields: [string, unknown][]): Error {
  const options = cause === undefined ? undefined : { cause }
  const errorClass = errorClasses[kind % 4] as typeof Error
  const made = kind === 4 ? new AggregateError([cause, new URIError('inner')], message, options) : new errorClass(message, options)
  made.stack = `${made.name}: ${message}\n    at f (a.ts:1:2)`
  for (const [key, value] of fields) {
    if (!reserved.has(key)) Object.defineProperty(made, key, { value, enumerable: true, configurable: true, writable: true })
  }
  return made
}

/** Any value that can cross a border, down to a few levels. */
export const anyValue: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => {
  const value = tie('value')
  const entries = fc.array(fc.tuple(anyKey, value), { maxLength: 4 })
  return {
    value: fc.oneof(
      { maxDepth: 5, depthIdentifier: 'value' },
      { weight: 5, arbitrary: leaf },
      { weight: 3, arbitrary: fc.tuple(entries, fc.boolean()).map(([list, isBare]) => record(list, isBare)) },
      { weight: 2, arbitrary: fc.array(value, { maxLength: 4 }) },
      {
        weight: 1,
        arbitrary: fc
          .tuple(fc.array(value, { maxLength: 6 }), fc.array(fc.nat(6), { maxLength: 3 }))
          .map(([items, holes]) => sparse(items, holes)),
      },
      { weight: 1, arbitrary: fc.array(fc.tuple(value, value), { maxLength: 3 }).map((pairs) => new Map(pairs)) },
      { weight: 1, arbitrary: fc.array(value, { maxLength: 3 }).map((items) => new Set(items)) },
      {
        weight: 1,
        arbitrary: fc.tuple(fc.nat(4), anyText, value, entries).map(([kind, message, cause, list]) => error(kind, message, cause, list)),
      },
    ),
  }
}).value
