import { describe, expect, test } from 'vitest'
import { ProtocolError, UsageError } from '../../src/core/errors.ts'
import type { RunOptions, TaskOptions } from '../../src/core/options.ts'
import { inherited, mergeOptions, mergeRunOptions, OPTION_NAMES, parseRunOptions, resolveOptions } from '../../src/core/resolve-options.ts'

function problem(options: unknown): string {
  try {
    resolveOptions(options as TaskOptions, 'sleep()')
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError)
    return (error as Error).message
  }
  throw new Error('It was not refused.')
}

const all: TaskOptions = {
  name: 'my run',
  image: 'node:24-slim',
  engine: 'docker',
  gpu: { count: 2, kind: 'a100' },
  cpu: '500m',
  memory: { request: '256m', limit: '1g' },
  env: { A: '1' },
  volumes: { '/data': { bind: '/home/me', readOnly: true }, '/cache': { volume: 'npm' }, '/tmp/x': { tmpfs: '64m' } },
  ports: { 8080: 80, 9090: 0 },
  tags: { team: 'search' },
  timeout: '5s',
  startTimeout: 1_000,
  grace: 0,
  retry: { attempts: 3, delay: '50ms', factor: 1.5, maxDelay: '1m', when: () => true },
  orphans: 'wait',
}
const resolved: RunOptions = {
  name: 'my run',
  image: 'node:24-slim',
  engine: 'docker',
  gpu: { count: 2, kind: 'a100' },
  cpuMillis: 500,
  memoryRequest: 256 * 1_024 ** 2,
  memoryLimit: 1_024 ** 3,
  env: { A: '1' },
  volumes: {
    '/data': { bind: '/home/me', readOnly: true },
    '/cache': { volume: 'npm', readOnly: false },
    '/tmp/x': { tmpfsBytes: 64 * 1_024 ** 2 },
  },
  ports: { 8080: 80, 9090: 0 },
  tags: { team: 'search' },
  timeoutMs: 5_000,
  startTimeoutMs: 1_000,
  graceMs: 0,
  retry: { attempts: 3, delayMs: 50, factor: 1.5, maxDelayMs: 60_000, ask: true },
  orphans: 'wait',
}

describe('resolving', () => {
  test('puts every option in plain units', () => {
    expect(resolveOptions(all, 'sleep()')).toStrictEqual(resolved)
    expect(OPTION_NAMES.toSorted()).toEqual(Object.keys(all).toSorted())
  })

  test.each<[TaskOptions, RunOptions]>([
    [{}, {}],
    [{ timeout: undefined, env: undefined }, {}],
    [{ env: { A: undefined } } as unknown as TaskOptions, { env: {} }],
    [{ retry: 2 }, { retry: { attempts: 3, delayMs: 1_000, factor: 2, maxDelayMs: 60_000 } }],
    [{ retry: 0 }, { retry: { attempts: 1, delayMs: 1_000, factor: 2, maxDelayMs: 60_000 } }],
    [{ retry: { attempts: 4 } }, { retry: { attempts: 4, delayMs: 1_000, factor: 2, maxDelayMs: 60_000 } }],
    [{ cpu: 0.5 }, { cpuMillis: 500 }],
    [{ cpu: 2 }, { cpuMillis: 2_000 }],
    [{ gpu: 1 }, { gpu: { count: 1 } }],
    [{ memory: '512m' }, { memoryRequest: 512 * 1_024 ** 2, memoryLimit: 512 * 1_024 ** 2 }],
    [{ ports: [8080, 80] }, { ports: { 8080: 8080, 80: 80 } }],
  ])('%o', (written, expected) => {
    expect(resolveOptions(written, 'sleep()')).toStrictEqual(expected)
  })

  test.each<[unknown, string]>([
    [{ timout: 5 }, 'sleep(): there is no option "timout"; did you mean "timeout"?'],
    [{ memroy: 5 }, 'did you mean "memory"?'],
    [{ Timeout: 5 }, 'did you mean "timeout"?'],
    [{ bananas: 5 }, 'sleep(): there is no option "bananas"; there are name, image, engine'],
    [JSON.parse('{"__proto__":1}'), 'there is no option "__proto__"'],
    [{ constructor: 1 }, 'there is no option "constructor"'],
    [null, 'sleep(): options are an object, not null'],
    ['5s', 'options are an object, not "5s"'],
    [[], 'options are an object'],
    [{ timeout: '5x' }, 'sleep(): timeout: "5x" is not a duration: write 500'],
    [{ timeout: -1 }, 'sleep(): timeout: -1 is negative'],
    [{ timeout: Number.NaN }, 'timeout: NaN is not a duration'],
    [{ timeout: 0 }, 'sleep(): timeout: 0 leaves no time at all: leave it out for no limit'],
    [{ timeout: null }, 'timeout: null is not a duration'],
    [{ startTimeout: '30d' }, 'longer than a timer can wait'],
    [{ grace: 'soon' }, 'grace: "soon" is not a duration'],
    [{ name: '' }, 'sleep(): name: "" is empty'],
    [{ name: 'a\nb' }, 'contains a control character'],
    [{ name: 5 }, 'name: 5 is not a text'],
    [{ image: '--privileged' }, 'is not the name of an image, such as "node:24-slim"'],
    [{ image: 'a b' }, 'is not the name of an image'],
    [{ engine: {} }, 'engine: {} is not a text'],
    [{ gpu: 0 }, 'gpu: 0 is not a whole number from 1'],
    [{ gpu: { count: 1, king: 'a' } }, 'sleep(): gpu: there is no option "king"; did you mean "kind"?'],
    [{ cpu: 0 }, 'cpu: 0 is not an amount of cores: write 2, 0.5 or "500m"'],
    [{ cpu: '2' }, 'cpu: "2" is not an amount of cores'],
    [{ cpu: Number.NaN }, 'cpu: NaN is not'],
    [{ cpu: -1 }, 'cpu: -1 is not'],
    [{ cpu: Infinity }, 'cpu: Infinity is not'],
    [{ memory: '512MB' }, 'sleep(): memory: "512MB" is not an amount of memory'],
    [{ memory: 0 }, 'memory: 0 is no memory at all'],
    [{ memory: { request: '2g', limit: '1g' } }, 'requests more than its limit'],
    [{ memory: { request: '2g' } }, 'sleep(): memory.limit: undefined is not an amount of memory'],
    [{ memory: { request: '1g', limit: '2g', max: 1 } }, 'there is no option "max"'],
    [{ env: ['A=1'] }, 'is not an object: write { NAME: "value" }'],
    [{ env: { 'A=B': '1' } }, 'env: "A=B" is not a name of a variable'],
    [{ env: { '': '1' } }, 'env: "" is empty'],
    [{ env: { PORT: 5 } }, 'sleep(): env.PORT: 5 is not a text: write "5"'],
    [{ env: { A: 'x\0y' } }, 'env.A: "x\\u0000y" contains a NUL character'],
    [{ env: { A: 'x'.repeat(131_072) } }, 'has 131075 bytes; a variable can hold 131072: pass it as input'],
    [{ tags: { team: 5 } }, 'tags.team: 5 is not a text: write "5"'],
    [{ tags: { '': 'x' } }, 'has an empty key'],
    [{ volumes: { data: { bind: '/x' } } }, 'volumes: "data" is not an absolute path'],
    [{ volumes: { '/data': { bind: 'data' } } }, 'volumes["/data"].bind: "data" is not an absolute path'],
    [{ volumes: { '/data/../etc': { bind: '/x' } } }, 'contains ".."'],
    [{ volumes: { '/data': { volume: '../x' } } }, 'is not the name of a volume'],
    [{ volumes: { '/data': '/x' } }, 'is not a volume: write one of { bind: "/folder" }'],
    [{ volumes: { '/data': {} } }, 'is not a volume'],
    [{ volumes: { '/data': { bind: '/x', volume: 'y' } } }, 'is not a volume'],
    [{ volumes: { '/data': { bind: '/x', readonly: true } } }, 'did you mean "readOnly"?'],
    [{ volumes: { '/data': { bind: '/x', readOnly: 1 } } }, '.readOnly: 1 is neither true nor false'],
    [{ volumes: { '/data': { tmpfs: '1g', readOnly: true } } }, 'is memory, which cannot be read-only'],
    [{ volumes: { '/data': { tmpfs: 'big' } } }, 'volumes["/data"].tmpfs: "big" is not an amount of memory'],
    [{ ports: { 0: 80 } }, 'ports: "0" is not a port: write a number from 1 to 65535'],
    [{ ports: [70_000] }, 'ports: 70000 is not a port'],
    [{ ports: { http: 80 } }, 'ports: "http" is not a port'],
    [{ ports: { 80: '80' } }, 'ports[80]: "80" is not a port: write a number from 0 to 65535'],
    [{ ports: 80 }, 'ports: 80 is not an object: write [8080] or { 8080: 80 }'],
    [{ retry: -1 }, 'retry: -1 is not a whole number from 0'],
    [{ retry: 1.5 }, 'retry: 1.5 is not a whole number'],
    [{ retry: 1e9 }, 'is more than 10000 attempts'],
    [{ retry: {} }, 'retry.attempts: undefined is not a whole number from 1'],
    [{ retry: { attempts: 0 } }, 'retry.attempts: 0 is not a whole number from 1'],
    [{ retry: { attempts: 2, delay: '1x' } }, 'retry.delay: "1x" is not a duration'],
    [{ retry: { attempts: 2, factor: 0.5 } }, 'retry.factor: 0.5 is not a number from 1'],
    [{ retry: { attempts: 2, when: true } }, 'retry.when: true is not a function'],
    [{ retry: { attemps: 2 } }, 'retry: there is no option "attemps"; did you mean "attempts"?'],
    [{ orphans: 'kill' }, `orphans: "kill" is none of "cancel", "wait", "fail"`],
  ])('%o is refused', (written, message) => {
    expect(problem(written)).toContain(message)
    expect(problem(written)).toMatch(/^sleep\(\): /)
  })
})

describe('merging', () => {
  test('a later layer wins, and what is undefined in it overrides nothing', () => {
    expect(mergeOptions({ timeout: 1, image: 'a' }, undefined, { timeout: '2s', image: undefined }, {})).toStrictEqual({
      timeout: '2s',
      image: 'a',
    })
    expect(mergeOptions()).toStrictEqual({})
  })

  test('env, volumes and tags merge by key; the others do not', () => {
    const base: TaskOptions = {
      env: { A: '1', B: '1' },
      tags: { x: '1' },
      volumes: { '/a': { bind: '/a' } },
      ports: { 80: 80 },
      retry: { attempts: 2, delay: 5 },
    }
    const over = {
      env: { B: '2', A: undefined },
      tags: { y: '2' },
      volumes: { '/b': { bind: '/b' } },
      ports: { 90: 90 },
      retry: { attempts: 3 },
    } as unknown as TaskOptions
    expect(mergeOptions(base, over)).toStrictEqual({
      env: { A: '1', B: '2' },
      tags: { x: '1', y: '2' },
      volumes: { '/a': { bind: '/a' }, '/b': { bind: '/b' } },
      ports: { 90: 90 },
      retry: { attempts: 3 },
    })
    expect(base.env).toEqual({ A: '1', B: '1' })
  })

  test('a key called __proto__ is a key', () => {
    const merged = mergeOptions({ env: { A: '1' } }, { env: JSON.parse('{"__proto__":"x"}') as Record<string, string> })
    expect(Object.entries(merged.env ?? {})).toEqual([
      ['A', '1'],
      ['__proto__', 'x'],
    ])
    expect(Object.getPrototypeOf(merged.env)).toBe(Object.prototype)
  })

  test('a faulty layer is left for resolving to name', () => {
    expect(problem(mergeOptions({ env: { A: '1' } }, { env: 'A=1' as unknown as Record<string, string> }))).toContain(
      'env: "A=1" is not an object',
    )
  })

  test('children take over image, env, volumes, engine and tags, and nothing else', () => {
    expect(Object.keys(inherited(resolved)).toSorted()).toEqual(['engine', 'env', 'image', 'tags', 'volumes'])
    expect(inherited({ timeoutMs: 5, image: 'a' })).toStrictEqual({ image: 'a' })
    expect(mergeRunOptions(inherited({ env: { A: '1' }, cpuMillis: 5 }), { env: { B: '2' }, cpuMillis: 7 })).toStrictEqual({
      env: { A: '1', B: '2' },
      cpuMillis: 7,
    })
  })
})

describe('options from the wire', () => {
  const fault = (received: unknown): string => {
    try {
      parseRunOptions(received)
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError)
      return (error as Error).message
    }
    throw new Error('It was not refused.')
  }

  test('what was resolved arrives as it was', () => {
    expect(parseRunOptions(JSON.parse(JSON.stringify(resolved)))).toStrictEqual(resolved)
    expect(parseRunOptions({})).toStrictEqual({})
  })

  test('unknown fields are dropped, at every level', () => {
    expect(parseRunOptions({ cache: true, gpu: { count: 1, vendor: 'x' }, retry: { ...resolved.retry, jitter: 1 } })).toStrictEqual({
      gpu: { count: 1 },
      retry: resolved.retry,
    })
  })

  test('a __proto__ sets no prototype', () => {
    const parsed = parseRunOptions(JSON.parse('{"__proto__":{"image":"evil"},"env":{"__proto__":"x"},"tags":{}}'))
    expect(parsed.image).toBeUndefined()
    expect(Object.entries(parsed.env ?? {})).toEqual([['__proto__', 'x']])
  })

  test.each<[unknown, string]>([
    [null, 'options: null is not an object'],
    [[], 'options: [] is not an object'],
    [{ cpuMillis: 'x' }, 'options.cpuMillis: "x" is not a whole number from 1'],
    [{ cpuMillis: 1e308 }, 'options.cpuMillis'],
    [{ name: null }, 'options.name: null is not a text'],
    [{ image: '-v' }, 'options.image: "-v" is not the name of an image'],
    [{ timeoutMs: -1 }, 'options.timeoutMs: -1 is not a number from 1'],
    [{ timeoutMs: 2 ** 31 }, 'is more than 2147483647 ms'],
    [{ graceMs: null }, 'options.graceMs: null is not a number from 0'],
    [{ env: { 'A=': '1' } }, 'options.env: "A=" is not a name of a variable'],
    [{ env: { A: 1 } }, 'options.env.A: 1 is not a text'],
    [{ env: { A: '\0' } }, 'contains a NUL character'],
    [{ volumes: { '/a': { bind: '../b', readOnly: false } } }, 'options.volumes["/a"].bind: "../b" is not an absolute path'],
    [{ volumes: { a: { bind: '/b', readOnly: false } } }, 'options.volumes: "a" is not an absolute path'],
    [{ volumes: { '/a': { bind: '/b' } } }, 'readOnly: undefined is neither true nor false'],
    [{ volumes: { '/a': 5 } }, 'options.volumes["/a"]: 5 is not an object'],
    [{ volumes: { '/a': {} } }, 'tmpfsBytes: undefined is not a whole number'],
    [{ ports: { '0x50': 80 } }, 'options.ports: "0x50" is not a port'],
    [{ ports: { 80: 1e6 } }, 'options.ports[80]: 1000000 is not a port'],
    [{ tags: { a: {} } }, 'options.tags.a: {} is not a text'],
    [{ retry: { attempts: 2 } }, 'options.retry.delayMs: undefined is not a number from 0'],
    [{ retry: { ...resolved.retry, ask: 'yes' } }, 'options.retry.ask: "yes" is neither true nor false'],
    [{ orphans: 'x' }, 'options.orphans: "x" is none of'],
    [{ memoryRequest: 2, memoryLimit: 1 }, 'is more than the limit of 1'],
    [{ gpu: { count: 1, kind: '' } }, 'options.gpu.kind: "" is empty'],
  ])('%o is refused', (received, message) => {
    expect(fault(received)).toContain(message)
  })
})
