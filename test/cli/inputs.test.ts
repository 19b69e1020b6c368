import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { flagOptions } from '../../src/cli/flag-options.ts'
import { coerceAnswer } from '../../src/cli/inputs/ask-input.ts'
import { buildInput, missingKeys } from '../../src/cli/inputs/build-input.ts'
import type { JsonSchema } from '../../src/project/json-schema.ts'
import { typeText } from '../../src/cli/inputs/schema-types.ts'
import { parseInput } from '../../src/cli/inputs/parse-input.ts'
import type { RunFlags } from '../../src/cli/run-flags.ts'
import { resolveOptions } from '../../src/core/resolve-options.ts'

const files: Record<string, string> = { 'note.txt': 'line one\n', 'list.json': '[1,2]' }

function input(sources: string[], schema?: JsonSchema, base: Record<string, unknown> = {}): Record<string, unknown> {
  const readText = (file: string): string => {
    const text = files[file]
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    return text
  }
  return buildInput(
    base,
    sources.map((source) => parseInput(source, readText)),
    schema,
  )
}

const schema: JsonSchema = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    duration: { type: 'integer' },
    ratio: { type: 'number' },
    wet: { type: 'boolean' },
    format: { enum: ['webp', 'avif'] },
    formats: { type: 'array', items: { enum: ['webp', 'avif'] } },
    at: { type: 'string', format: 'date-time', 'x-cowait': 'date' },
    big: { 'x-cowait': 'bigint' },
    size: { $ref: '#/$defs/size' },
    either: { type: ['number', 'string'] },
    free: {},
    maybe: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
  },
  required: ['name', 'duration'],
  $defs: { size: { type: 'object', properties: { width: { type: 'integer' }, height: { type: 'integer' } } } },
}

describe('without a schema', () => {
  test.each([
    [['duration=7'], { duration: 7 }],
    [['name=007'], { name: '007' }],
    [['a.b=1', 'a.c=x'], { a: { b: 1, c: 'x' } }],
    [['a\\.b=1'], { 'a.b': 1 }],
    [['wet'], { wet: true }],
    [['f=a', 'f=b'], { f: ['a', 'b'] }],
    [['k:={"x":[1]}'], { k: { x: [1] } }],
    [['k=@note.txt'], { k: 'line one\n' }],
    [['k:=@list.json'], { k: [1, 2] }],
    [['url=http://a/?b=c:=d'], { url: 'http://a/?b=c:=d' }],
    [['k:="@home"'], { k: '@home' }],
    [['k='], { k: '' }],
    [['id=12345678901234567890'], { id: '12345678901234567890' }],
    [['k=null'], { k: null }],
    [['k=1e999'], { k: '1e999' }],
  ])('%o', (sources, expected) => {
    expect(input(sources)).toEqual(expected)
  })

  test('a key named __proto__ is data', () => {
    const built = input(['__proto__.polluted=1'])
    expect(Object.keys(built)).toEqual(['__proto__'])
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })

  test('parts lie over the file', () => {
    expect(input(['a.b=2'], undefined, { a: { b: 1, c: 3 } })).toEqual({ a: { b: 2, c: 3 } })
  })
})

describe('with a schema', () => {
  test.each([
    [['name=007'], { name: '007' }],
    [['duration=7'], { duration: 7 }],
    [['ratio=.5'], { ratio: 0.5 }],
    [['wet=true'], { wet: true }],
    [['wet'], { wet: true }],
    [['format=avif'], { format: 'avif' }],
    [['formats=webp'], { formats: ['webp'] }],
    [['formats=webp', 'formats=avif'], { formats: ['webp', 'avif'] }],
    [['formats=["avif"]'], { formats: ['avif'] }],
    [['formats:=["avif"]'], { formats: ['avif'] }],
    [['at=2026-01-02T03:04:05Z'], { at: new Date('2026-01-02T03:04:05Z') }],
    [['big=12345678901234567890'], { big: 12345678901234567890n }],
    [['size.width=3'], { size: { width: 3 } }],
    [['size={"width":3}'], { size: { width: 3 } }],
    [['either=x'], { either: 'x' }],
    [['either=5'], { either: 5 }],
    [['free=5'], { free: 5 }],
    [['free.deep=x'], { free: { deep: 'x' } }],
    [['maybe=null'], { maybe: null }],
  ])('%o', (sources, expected) => {
    expect(input(sources, schema)).toEqual(expected)
  })

  test('missing keys are those that are required and not there', () => {
    expect(missingKeys(input(['name=x'], schema), schema)).toEqual(['duration'])
  })
})

describe('what is refused says why', () => {
  test.each([
    [['=7'], undefined, '-i =7: a key is missing; write -i key=value'],
    [['a..b=7'], undefined, 'a key is missing'],
    [['k:={'], undefined, 'not JSON'],
    [['k=@gone.txt'], undefined, 'cannot read gone.txt (ENOENT)'],
    [['a=1', 'a.b=2'], undefined, 'a already has a value that is not an object'],
    [['duration=7.5'], schema, '-i duration=7.5: duration: expected an integer, got "7.5"'],
    [['duration=soon'], schema, 'expected an integer, got "soon"'],
    [['wet=maybe'], schema, 'expected a boolean, got "maybe"'],
    [['format=webb'], schema, 'expected "webp", "avif", got "webb". Did you mean "webp"?'],
    [['formats=gif'], schema, 'formats: expected "webp", "avif", got "gif"'],
    [['durration=7'], schema, 'the task has no input durration. Did you mean "duration"?'],
    [['xyz=7'], schema, 'the task has no input xyz. It has name, duration, ratio'],
    [['size.deep=7'], schema, 'the task has no input size.deep. It has width, height'],
    [['name=a', 'name=b'], schema, 'name is not a list and was given 2 times'],
    [['at=yesterday'], schema, 'expected a date, got "yesterday"'],
    [['{"name":"a=b"}'], schema, 'inputs are given one by one, -i key=value or -i key:=JSON; a whole object comes from a file, -f FILE'],
    [[' [1]'], undefined, 'inputs are given one by one'],
  ])('%j', (sources, given, message) => {
    expect(() => input(sources, given)).toThrow(message)
  })

  test('an unknown key of the file', () => {
    expect(() => input([], schema, { durration: 1 })).toThrow('-f: durration: the task has no input durration. Did you mean "duration"?')
  })
})

test('types read like types', () => {
  const text = (one: JsonSchema): string => typeText(one, schema)
  expect(text({ type: 'array', items: { enum: ['a', 'b'] } })).toBe('("a" | "b")[]')
  expect(text({ type: ['number', 'string'] })).toBe('number | string')
  expect(text({ anyOf: [{ type: 'integer' }, { type: 'null' }] })).toBe('integer | null')
  expect(text({ $ref: '#/$defs/size' })).toBe('object')
})

test('a list is answered with its items between commas, or as JSON', () => {
  const formats = schema.properties?.['formats'] ?? {}
  const answer = (text: string): unknown => coerceAnswer(text, formats, schema)
  expect(answer('webp, avif,')).toEqual({ ok: true, value: ['webp', 'avif'] })
  expect(answer('["avif"]')).toEqual({ ok: true, value: ['avif'] })
  expect(answer('')).toEqual({ ok: true, value: [] })
  expect(answer('webp, avi')).toMatchObject({ ok: false, problem: expect.stringContaining('Did you mean "avif"?') as string })
})

describe('options of the command line', () => {
  const options = (flags: RunFlags): unknown => resolveOptions(flagOptions(flags, '/project', {}), 'cowait run')

  test.each([
    ['500', 500],
    ['1500.4', 1_500],
    ['2s', 2_000],
  ])('a time of %s is %i ms', (text, ms) => {
    expect(options({ timeout: text, grace: text })).toEqual({ timeoutMs: ms, graceMs: ms })
  })

  test.each(['-5', '5 s', '5x', ''])('a time of "%s" is refused', (text) => {
    expect(() => options({ timeout: text })).toThrow(/timeout/)
  })

  test.each([
    ['~/data:/data', join(homedir(), 'data')],
    ['~:/data', homedir()],
    ['./~/data:/data', '/project/~/data'],
    ['/a/~/b:/data', '/a/~/b'],
  ])('a volume of %s is the folder %s', (text, bind) => {
    expect(options({ volume: [text] })).toEqual({ volumes: { '/data': { bind, readOnly: false } } })
  })
})
