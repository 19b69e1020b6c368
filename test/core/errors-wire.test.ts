import { inspect, types } from 'node:util'
import { describe, expect, test } from 'vitest'
import { decodeError, encodeError, summarize } from '../../src/core/error-wire.ts'
import { ProtocolError, RemoteError, TaskFailedError, TaskLostError, TaskTimeoutError, ValidationError } from '../../src/core/errors.ts'
import { decode } from '../../src/core/values/decode.ts'
import { encode } from '../../src/core/values/encode.ts'

const crossed = (error: unknown, ...listed: Parameters<typeof decodeError>[1] & {}): Error => decodeError(encodeError(error), listed)

let constructed = 0
class QuotaError extends Error {
  override name = 'QuotaError'
  retryAfter = 30
  readonly at = new Date(0)
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    constructed++
  }
  get isSoon(): boolean {
    return this.retryAfter < 60
  }
}

/** An error with so many causes below it. */
function chain(causes: number): Error {
  let error = new Error(`cause ${causes}`)
  for (let i = causes - 1; i >= 0; i--) error = new Error(`cause ${i}`, { cause: error })
  return error
}

describe('classes', () => {
  test.each([
    new Error('m'),
    new TypeError('m'),
    new RangeError('m'),
    new SyntaxError('m'),
    new ReferenceError('m'),
    new EvalError('m'),
    new URIError('m'),
    new AggregateError([new TypeError('a'), 'b'], 'm'),
  ])('%s comes back as itself', (error) => {
    const back = crossed(error)
    expect(Object.getPrototypeOf(back)).toBe(Object.getPrototypeOf(error))
    expect(types.isNativeError(back)).toBe(true)
    expect({ name: back.name, message: back.message, stack: back.stack }).toEqual({
      name: error.name,
      message: error.message,
      stack: error.stack,
    })
    expect(Object.keys(back)).toEqual([])
    expect(inspect(back)).toBe(inspect(error))
  })

  test('an AbortError comes back as a DOMException', () => {
    const back = crossed(AbortSignal.abort().reason) as DOMException
    expect(back).toBeInstanceOf(DOMException)
    expect([back.name, back.code]).toEqual(['AbortError', 20])
    expect(crossed(new DOMException('m', 'SyntaxError')).name).toBe('SyntaxError')
  })

  test('an error of the system keeps its fields', () => {
    const error = Object.assign(new Error('ENOENT: no such file'), { errno: -2, code: 'ENOENT', syscall: 'open', path: '/x' })
    const back = crossed(error)
    expect(back.constructor).toBe(Error)
    expect(Object.assign({}, back)).toEqual({ errno: -2, code: 'ENOENT', syscall: 'open', path: '/x' })
  })

  test('a class that nobody listed is a RemoteError with its name, message, stack, code, cause and fields', () => {
    const error = Object.assign(new QuotaError('over', { cause: new TypeError('429') }), { code: 'QUOTA' })
    const back = crossed(error) as RemoteError
    expect(back).toBeInstanceOf(RemoteError)
    expect(back).not.toBeInstanceOf(QuotaError)
    expect({ name: back.name, message: back.message, stack: back.stack, code: back.code }).toEqual({
      name: 'QuotaError',
      message: 'over',
      stack: error.stack,
      code: 'QUOTA',
    })
    expect(back.cause).toBeInstanceOf(TypeError)
    expect(back.data).toEqual({ retryAfter: 30, at: new Date(0) })
  })

  test('a listed class is rebuilt without its constructor: instanceof, fields and methods hold', () => {
    const error = new QuotaError('over', { cause: new QuotaError('inner') })
    const before = constructed
    const back = crossed(error, QuotaError) as QuotaError
    expect(constructed).toBe(before)
    expect(back).toBeInstanceOf(QuotaError)
    expect(back.cause).toBeInstanceOf(QuotaError)
    expect([back.retryAfter, back.isSoon, back.at, back.message, back.name, back.stack]).toEqual([
      30,
      true,
      new Date(0),
      'over',
      'QuotaError',
      error.stack,
    ])
    expect(types.isNativeError(back)).toBe(true)
  })

  test('an instance of a subclass of a listed class is one of the listed class', () => {
    class DailyQuotaError extends QuotaError {
      override name = 'DailyQuotaError'
    }
    const back = crossed(new DailyQuotaError('m'), QuotaError)
    expect(back).toBeInstanceOf(QuotaError)
    expect(back.name).toBe('DailyQuotaError')
  })

  test('a class without a name of its own is called by its class', () => {
    class Unnamed extends RangeError {}
    expect(crossed(new Unnamed('m')).name).toBe('Unnamed')
    expect(crossed(new Unnamed('m'))).toBeInstanceOf(RemoteError)
    expect(crossed(new Unnamed('m'), Unnamed)).toBeInstanceOf(Unnamed)
  })

  test('an error of a disposal keeps both errors', () => {
    const error = Object.assign(new Error('disposal failed'), { name: 'SuppressedError' })
    Object.defineProperty(error, 'error', { value: new TypeError('a') })
    Object.defineProperty(error, 'suppressed', { value: new RangeError('b') })
    const back = crossed(error) as unknown as { error: unknown; suppressed: unknown }
    expect(back.error).toBeInstanceOf(TypeError)
    expect(back.suppressed).toBeInstanceOf(RangeError)
  })

  test('an Error whose name was set stays an Error of that name', () => {
    const back = crossed(Object.assign(new Error('m'), { name: 'Special' }))
    expect([back.constructor, back.name, String(back)]).toEqual([Error, 'Special', 'Special: m'])
  })

  test('a listed class whose name needs private fields does no harm', () => {
    class Guarded extends Error {
      readonly #secret = 'Guarded'
      override get name(): string {
        return this.#secret
      }
    }
    const back = crossed(new Guarded('m'), Guarded)
    expect(back).toBeInstanceOf(Guarded)
    expect([back.name, back.message]).toEqual(['Guarded', 'm'])
  })

  test('what the other side of an older border made of an error goes on as what it was', () => {
    const twice = crossed(crossed(new QuotaError('m')), QuotaError) as QuotaError
    expect(twice).toBeInstanceOf(QuotaError)
    expect(twice.retryAfter).toBe(30)
    expect((crossed(crossed(crossed(new QuotaError('m')))) as RemoteError).data).toEqual({ retryAfter: 30, at: new Date(0) })
  })
})

describe('our own classes', () => {
  const init = { taskId: 'a-x7k2m9qd', task: 'm:a', message: 'it ended' }

  test('come back as themselves, with their fields', () => {
    const path = [{ id: 'a-x7k2m9qd', task: 'm:a', at: 'a.ts:1:2' }]
    const failed = crossed(new TaskFailedError({ ...init, cause: new QuotaError('q'), path }), QuotaError) as TaskFailedError
    expect(failed).toBeInstanceOf(TaskFailedError)
    expect(failed.cause).toBeInstanceOf(QuotaError)
    expect(Object.assign({}, failed)).toEqual({ code: 'TASK_FAILED', taskId: 'a-x7k2m9qd', task: 'm:a', path })
    const lost = crossed(new TaskLostError({ ...init, exit: { how: 'killed', signal: 'SIGKILL' }, lastLines: ['x'] })) as TaskLostError
    expect([lost.exit, lost.lastLines, lost.code]).toEqual([{ how: 'killed', signal: 'SIGKILL' }, ['x'], 'TASK_LOST'])
    expect(crossed(new TaskTimeoutError(init))).toBeInstanceOf(TaskTimeoutError)
    expect((crossed(new ValidationError({ ...init, issues: [{ message: 'no', path: ['a', 1] }] })) as ValidationError).issues).toEqual([
      { message: 'no', path: ['a', 1] },
    ])
  })

  test('are not believed when their fields are missing', () => {
    for (const name of ['TaskFailedError', 'TaskLostError', 'TaskError', 'ValidationError', 'UsageError']) {
      expect(crossed(Object.assign(new Error('m'), { name }))).not.toBeInstanceOf(TaskFailedError)
      const text = Buffer.from(`{"$":"err","v":{"name":"${name}","message":"m"}}`)
      const back = decodeError({ format: 'tagged', textBytes: text.length, data: text })
      expect([back instanceof RemoteError, back.name]).toEqual([true, name])
    }
  })
})

describe('causes', () => {
  test('eight cross, more are cut with a note', () => {
    let error: unknown = crossed(chain(8))
    for (let i = 0; i <= 8; i++, error = (error as Error).cause) expect((error as Error).message).toBe(`cause ${i}`)
    expect(error).toBeUndefined()
    error = crossed(chain(20))
    for (let i = 0; i <= 8; i++, error = (error as Error).cause) expect((error as Error).message).toBe(`cause ${i}`)
    expect(error).toBe('[left out: 12 more causes]')
  })

  test('a chain of thousands and a chain in a circle are cut too', () => {
    expect(crossed(chain(50_000)).message).toBe('cause 0')
    const circle = new Error('circle')
    circle.cause = circle
    expect(crossed(circle).cause).toBe('[left out: error.cause refers back to error]')
  })

  test('a cause may be any value, undefined too', () => {
    expect(crossed(new Error('m', { cause: new Map([[1, 2n]]) })).cause).toEqual(new Map([[1, 2n]]))
    expect(Object.hasOwn(crossed(new Error('m', { cause: undefined })), 'cause')).toBe(true)
    expect(Object.hasOwn(crossed(new Error('m')), 'cause')).toBe(false)
  })
})

describe('what cannot cross', () => {
  test('a field is replaced by a note, the others stay', () => {
    const error = Object.assign(new Error('m', { cause: { socket: new (class Socket {})() } }), {
      config: { url: 'http://a', adapter() {} },
      promise: Promise.resolve(),
      bytes: new Uint8Array([1]),
      ok: 1,
      self: {} as unknown,
    })
    error.self = error
    const back = crossed(error)
    expect(back.message).toBe('m')
    expect(back.cause).toBe('[left out: error.cause.socket is an instance of Socket]')
    expect(Object.assign({}, back)).toEqual({
      config: '[left out: error.config.adapter is a function]',
      promise: '[left out: error.promise is a Promise]',
      bytes: new Uint8Array([1]),
      ok: 1,
      self: '[left out: error.self refers back to error]',
    })
  })

  test('attachments of a field that was left out are left out too', () => {
    const error = Object.assign(new Error('m'), { bad: { bytes: new Uint8Array(100_000), f() {} }, good: new Uint8Array([1, 2]) })
    expect(encodeError(error).data.length).toBeLessThan(10_000)
    expect((crossed(error) as unknown as { good: unknown }).good).toEqual(new Uint8Array([1, 2]))
  })

  test('the same inside of a value: an error never makes a value unfit', () => {
    const value = { ok: false, error: Object.assign(new TypeError('m'), { f() {} }) }
    const back = decode(encode(value)) as typeof value
    expect(back.error).toBeInstanceOf(TypeError)
    expect(back.error.f).toBe('[left out: value.error.f is a function]')
  })

  test('getters that throw, odd fields, proxies and revoked proxies', () => {
    const odd = new Error('m')
    Object.defineProperty(odd, 'stack', {
      get() {
        throw new Error('no')
      },
    })
    Object.defineProperty(odd, 'message', {
      get() {
        throw new Error('no')
      },
      enumerable: true,
    })
    Object.defineProperty(odd, 'name', { value: 42 })
    Object.defineProperty(odd, 'field', {
      get() {
        throw new Error('no')
      },
      enumerable: true,
    })
    expect(crossed(odd)).toBeInstanceOf(Error)
    const { proxy, revoke } = Proxy.revocable(new Error('m'), {})
    expect(crossed(proxy).message).toBe('m')
    revoke()
    expect(crossed(proxy)).toBeInstanceOf(Error)
    expect(summarize(proxy)).toEqual({ name: 'Error', message: expect.any(String) as string })
  })

  test('very long messages and stacks are cut with a note, once', () => {
    const error = new Error('x'.repeat(1_000_000))
    const back = crossed(crossed(error))
    expect(back.message).toHaveLength(65_536 + '\n[934464 more characters left out]'.length)
    expect(back.message).toMatch(/x\n\[934464 more characters left out\]$/)
    expect(back.stack?.length).toBeLessThan(65_700)
    expect(encodeError(error).data.length).toBeLessThan(140_000)
    expect(summarize(error).message.length).toBeLessThan(65_700)
  })
})

describe('what is thrown but is no Error', () => {
  test.each([
    ['boom', 'A string, "boom", was thrown instead of an Error'],
    [undefined, 'undefined was thrown instead of an Error'],
    [null, 'null was thrown instead of an Error'],
    [42, 'A number, 42, was thrown instead of an Error'],
    [{ status: 404 }, 'An object, { status: 404 }, was thrown instead of an Error'],
    [[1], 'An array, [ 1 ], was thrown instead of an Error'],
    [10n, 'A bigint, 10n, was thrown instead of an Error'],
  ])('%s says so and is kept', (thrown, message) => {
    const back = crossed(thrown) as Error & { thrown: unknown }
    expect(back.constructor).toBe(Error)
    expect(back.message).toBe(message)
    expect(back.thrown).toEqual(thrown)
    expect(summarize(thrown)).toEqual({ name: 'Error', message, stack: `Error: ${message}` })
  })

  test('is replaced by a note when it cannot cross', () => {
    const back = crossed(() => 1) as Error & { thrown: unknown }
    expect(back.message).toContain('was thrown instead of an Error')
    expect(back.thrown).toBe('[left out: error.thrown is a function]')
    expect(crossed(Symbol('s')).message).toBe('A symbol, Symbol(s), was thrown instead of an Error')
  })
})

test('a summary is of the error that was thrown in the first place', () => {
  const inner = new QuotaError('over')
  const outer = new TaskFailedError({
    taskId: 'a',
    task: 'm:a',
    message: 'a failed',
    cause: new TaskFailedError({ taskId: 'b', task: 'm:b', message: 'b failed', cause: inner }),
  })
  expect(summarize(outer)).toEqual({ name: 'QuotaError', message: 'over', stack: inner.stack })
})

describe('what lies behind an error is in its summary', () => {
  const named = (error: unknown): string[] => (summarize(error).causes ?? []).map(({ name, message }) => `${name}|${message}`)

  test("its cause, and that one's own, in this order, with the user's frames", () => {
    const refused = new RangeError('refused', { cause: 'just text' })
    const error = new Error('fetch failed', { cause: new TypeError('no answer', { cause: refused }) })
    expect(named(error)).toEqual(['TypeError|no answer', 'RangeError|refused', '|"just text"'])
    expect(summarize(error).causes?.[0]?.stack).toMatch(/^\s+at .*errors-wire\.test\.ts:\d+:\d+/)
  })

  test('all that an AggregateError stands for; of a task that failed, what it threw', () => {
    const failed = new TaskFailedError({ taskId: 'a', task: 'm:a', message: 'a failed', cause: new QuotaError('over') })
    expect(named(new AggregateError([new Error('one'), failed], 'all'))).toEqual(['Error|one', 'QuotaError|over'])
  })

  test('at most eight, each once, whatever is thrown', () => {
    const round = new Error('round')
    round.cause = new Error('and', { cause: round })
    expect(named(round)).toEqual(['Error|and', 'Error|round'])
    expect(
      named(
        new AggregateError(
          Array.from({ length: 100 }, (_, n) => new Error(`${n}`)),
          'many',
        ),
      ),
    ).toHaveLength(8)
    const hostile = new Proxy(new Error('never'), {
      get: () => {
        throw new Error('trap')
      },
      getPrototypeOf: () => {
        throw new Error('trap')
      },
    })
    expect(summarize(new Error('outer', { cause: hostile }))).toMatchObject({ name: 'Error', message: 'outer' })
    expect(named(new Error('outer', { cause: hostile }))).toHaveLength(1)
  })
})

test('a document that is no error is a ProtocolError', () => {
  expect(() => decodeError(encode({ name: 'Error' }))).toThrow(ProtocolError)
  expect(() => decodeError({ format: 'tagged', textBytes: 1, data: Buffer.from('{') })).toThrow(ProtocolError)
})
