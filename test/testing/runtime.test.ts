import { describe, expect, test } from 'vitest'
import { NotSerializableError, TaskCancelledError, TaskLostError, UsageError, ValidationError } from '../../src/core/errors.ts'
import { delay } from '../../src/core/delay.ts'
import { group } from '../../src/core/group.ts'
import { shield } from '../../src/core/shield.ts'
import { task } from '../../src/core/task.ts'
import { createTestRuntime } from '../../src/testing/index.ts'
import { counter, deep, half, numbers, parallel, quarter, sleep, train } from './tasks.ts'

describe('a call', () => {
  test('runs in this process, with everything that it calls', async () => {
    await using rt = createTestRuntime()
    const pids = task(async () => ({ pid: process.pid }))
    expect(await rt.run(pids)).toEqual({ pid: process.pid })
    expect(await rt.run(quarter, { n: 8 })).toBe(2)
    expect(await rt.run(deep, { level: 6 })).toBe(6)
  })

  test('is a call as any other: id, status, options, events', async () => {
    await using rt = createTestRuntime()
    const run = rt.run(quarter, { n: 4 }, { id: 'my-own-id', tags: { a: 'b' } })
    expect(run.id).toBe('my-own-id')
    expect(await run).toBe(1)
    expect(run.status).toBe('done')
  })

  test('gets copies of its values, and what cannot cross a border is refused', async () => {
    await using rt = createTestRuntime()
    const bad = task(async () => ({ made: () => 1 }) as unknown as { made: number })
    await expect(rt.run(bad)).rejects.toThrow(/output\.made/)
    const echo = task(async ({ value }: { value: { list: number[]; at: Date } }) => value)
    const value = { list: [1], at: new Date(0) }
    const given = await rt.run(echo, { value })
    expect(given).toEqual(value)
    expect(given).not.toBe(value)
    await expect(rt.run(echo, { value: { list: [], at: (() => 1) as never } })).rejects.toThrow(NotSerializableError)
  })

  test('is validated on both sides', async () => {
    await using rt = createTestRuntime()
    await expect(rt.run(half, { n: 3 })).rejects.toThrow(ValidationError)
    await expect(rt.run(quarter, { n: 2 })).rejects.toThrow(/input\.n/)
    rt.mock(half, () => 'no number' as never)
    await expect(rt.run(half, { n: 2 })).rejects.toThrow(/invalid output/)
  })

  test('may be made by any code that a function in the runtime calls, also later', async () => {
    await using rt = createTestRuntime()
    const call = async (): Promise<number> => {
      await new Promise((resolve) => setTimeout(resolve, 5))
      return await half({ n: 10 })
    }
    expect(await rt.run(call)).toBe(5)
    expect(await rt.run(() => group(async () => await half({ n: 2 })))).toBe(1)
    expect(rt.calls(half)).toEqual([{ n: 10 }, { n: 2 }])
  })

  test('has methods and items', async () => {
    await using rt = createTestRuntime()
    const run = rt.run(counter)
    expect(await run.rpc.add(10)).toBe(10)
    expect(await run).toBe(10)
    const items: number[] = []
    for await (const item of rt.run(numbers, { to: 200 })) items.push(item)
    expect(items).toHaveLength(200)
  })

  test('is not ended by a report of its progress that cannot be told', async () => {
    await using rt = createTestRuntime()
    const unreadable = {
      toString: () => {
        throw new Error('no text')
      },
    }
    const reports: [unknown, object?][] = [
      [NaN],
      [Infinity],
      [1n],
      ['half'],
      [1, { total: Infinity, message: 7, type: 'done', run: 'other' }],
      [2, { total: 1n, message: unreadable }],
      [3, null as never],
      [4, { total: 5, message: 'x'.repeat(100_000) }],
    ]
    const heard: object[] = []
    for (const [value, info] of reports) {
      const reporting = task(async (_: {}, { progress }) => {
        progress(value as number, info)
        return 'done'
      })
      const run = rt.run(reporting)
      using _listening = run.on('progress', (each) => heard.push(each))
      expect(await run).toBe('done')
    }
    expect(heard).toMatchObject([
      { value: 1, message: '7' },
      { value: 2, message: expect.any(String) },
      { value: 3 },
      { value: 4, total: 5, message: expect.stringMatching(/^x{4000}/) },
    ])
    expect(heard.map((each) => 'total' in each)).toEqual([false, false, false, true])
  })

  test('tells its last progress, also when it fails right after', async () => {
    await using rt = createTestRuntime()
    const heard: number[] = []
    const reporting = task(async ({ fails }: { fails: boolean }, { progress }) => {
      for (let i = 1; i <= 10; i++) progress(i)
      if (fails) throw new RangeError('after ten')
    })
    for (const fails of [false, true]) {
      const run = rt.run(reporting, { fails })
      using _listening = run.on('progress', ({ value }) => heard.push(value))
      expect((await run.settled()).ok).toBe(!fails)
    }
    expect(heard).toEqual([1, 10, 1, 10])
  })

  test.each(['well', 'badly'])('that yields what cannot cross leaves its generator, which ends %s', async (how) => {
    await using rt = createTestRuntime()
    const left: string[] = []
    const yields = async function* (from: string) {
      try {
        yield 1
        yield (() => 2) as unknown as number
      } finally {
        left.push(from)
        if (how === 'badly') await Promise.reject(new TypeError('while leaving'))
      }
    }
    const streaming = task(() => yields('task'))
    const serving = task({
      rpc: { items: () => yields('method') },
      run: async (_: {}, { signal }) => await delay('1h', { signal }),
    })
    const run = rt.run(serving)
    for (const stream of [rt.run(streaming), run.rpc.items()]) {
      const items: number[] = []
      const reading = async (): Promise<void> => {
        for await (const item of stream) items.push(item)
      }
      await expect(reading()).rejects.toThrow(/is a function/)
      expect(items).toEqual([1])
    }
    await run.cancel()
    expect(left).toEqual(['task', 'method'])
  })

  test('logs what is no text, and fields that are no JSON', async () => {
    await using rt = createTestRuntime()
    const logging = task(async (_: {}, { log }) => {
      for (const message of [new RangeError('told'), { a: 1 }, undefined, Symbol('s')]) log.error(message as unknown as string)
      log.child({ big: 1n }).info('big')
    })
    const run = rt.run(logging)
    const records: { text: string; fields?: object | undefined }[] = []
    for await (const record of run.logs()) records.push(record)
    await run
    const texts = records.map(({ text }) => text)
    expect(texts[0]).toBe('RangeError: told')
    expect(texts[1]).toMatch(/^ {4}at .*runtime\.test\.ts/)
    expect(texts.slice(-4)).toEqual(['{ a: 1 }', 'undefined', 'Symbol(s)', 'big'])
    expect(records.at(-1)?.fields).toEqual({ unprintable: '{ big: 1n }' })
  })

  test('carries values of many megabytes', async () => {
    await using rt = createTestRuntime()
    const size = task(async ({ bytes }: { bytes: Uint8Array }) => ({ bytes, size: bytes.length }))
    const { size: length, bytes } = await rt.run(size, { bytes: new Uint8Array(5_000_000).fill(7) })
    expect([length, bytes.length, bytes[4_999_999]]).toEqual([5_000_000, 5_000_000, 7])
  })

  test('asks for nothing that this process cannot give: image, engine, gpus, volumes', async () => {
    await using rt = createTestRuntime()
    const big = task({ engine: 'docker', image: 'acme/tasks:3', gpu: 1, memory: '1g', run: async () => 'ran' })
    expect(await rt.run(big)).toBe('ran')
  })
})

describe('what is thrown', () => {
  const failing = task(async () => {
    throw new RangeError('unseen')
  })

  test('by after replaces no error of the run, and is printed', async () => {
    await using rt = createTestRuntime()
    const own = new RangeError('its own')
    const hooked = task({
      run: async () => {
        throw own
      },
      after: async ({ ok }) => {
        if (!ok) throw new TypeError('from after')
      },
    })
    const run = rt.run(hooked)
    const lines = linesOf(run)
    await expect(run).rejects.toMatchObject({ cause: { name: 'RangeError', message: 'its own' } })
    expect((await lines).join()).toContain('TypeError: from after')
    const again = rt.run(
      task({
        run: async () => await failing(),
        after: (outcome) => {
          if (!outcome.ok) throw outcome.error
        },
      }),
    )
    const silent = linesOf(again)
    await expect(again).rejects.toMatchObject({ cause: { message: 'unseen' } })
    expect(await silent).toEqual([])
    await expect(rt.run(task({ run: async () => 1, after: () => Promise.reject(new TypeError('alone')) }))).rejects.toThrow('alone')
  })

  test('by the cancelled hook is printed', async () => {
    await using rt = createTestRuntime()
    const hooked = task({
      run: async () => await delay('1h'),
      cancelled: () => {
        throw new TypeError('from cancelled')
      },
    })
    const run = rt.run(hooked)
    const lines = linesOf(run)
    await run.ready
    await run.cancel()
    expect((await lines).join()).toContain('TypeError: from cancelled')
  })

  test('by a call that nobody looked at is the cause, where unfinished calls fail their caller', async () => {
    await using rt = createTestRuntime()
    const leaves = task({
      orphans: 'fail',
      run: async () => {
        const failed = failing()
        void sleep({})
        await new Promise<void>((resolve) => {
          const watching = setInterval(() => {
            if (failed.status !== 'failed') return
            clearInterval(watching)
            resolve()
          }, 1)
        })
      },
    })
    await expect(rt.run(leaves)).rejects.toMatchObject({
      cause: { message: expect.stringMatching(/^1 of its calls was unfinished/), cause: { cause: { message: 'unseen' } } },
    })
  })

  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  test.each<[string, unknown, RegExp]>([
    [
      'a getter that throws',
      Object.defineProperty(new RangeError('hidden'), 'retryable', {
        get: () => {
          throw new Error('no')
        },
      }),
      /hidden/,
    ],
    ['a proxy that is gone', revoked.proxy, /cannot be/],
    ['a prototype that throws', new Proxy(new RangeError('trapped'), { getPrototypeOf: () => revoked.proxy }), /trapped|cannot be/],
  ])('is told though it cannot be looked at: %s', async (_, thrown, message) => {
    await using rt = createTestRuntime()
    const children: { status: string }[] = []
    const throwing = task(async () => {
      children.push(sleep({ duration: 100 }))
      throw thrown
    })
    await expect(rt.run(throwing)).rejects.toThrow(message)
    expect(children[0]!.status).toBe('cancelled')
  })
})

async function linesOf(run: { logs(): AsyncIterable<{ text: string }> }): Promise<string[]> {
  const lines: string[] = []
  for await (const { text } of run.logs()) lines.push(text)
  return lines
}

describe('a stand-in', () => {
  test('runs instead of the function, wherever the task is called, and with options', async () => {
    await using rt = createTestRuntime()
    rt.mock(sleep, async ({ duration = 5 }) => ({ duration }))
    expect(await rt.run(parallel)).toEqual([{ duration: 5 }, { duration: 5 }])
    expect(await rt.run(sleep.with({ memory: '1g' }), { duration: 100_000 })).toEqual({ duration: 100_000 })
    expect(rt.calls(sleep)).toEqual([{ duration: 5 }, { duration: 5 }, { duration: 100_000 }])
    expect(rt.calls(parallel)).toEqual([{}])
  })

  test('gets a context and may call tasks; the last one counts', async () => {
    await using rt = createTestRuntime()
    rt.mock(sleep, () => ({ duration: 0 }))
    rt.mock(sleep, async (_, { attempt }) => ({ duration: (await half({ n: 8 })) + attempt }))
    expect(await rt.run(sleep)).toEqual({ duration: 5 })
  })

  test('for code that is not here, and without one the message says so', async () => {
    await using rt = createTestRuntime()
    await expect(rt.run(train, { n: 2 })).rejects.toThrow(/rt\.mock\(train/)
    rt.mock(train, ({ n }) => n * 100)
    expect(await rt.run(train, { n: 2 })).toBe(200)
  })

  test('may yield, and leaves the methods and the state of the task', async () => {
    await using rt = createTestRuntime()
    rt.mock(numbers, async function* () {
      yield 7
      return 1
    })
    const items: number[] = []
    for await (const item of rt.run(numbers, { to: 3 })) items.push(item)
    expect(items).toEqual([7])
    rt.mock(counter, async (_, { state }: { state: { count: number } }) => {
      while (state.count === 0) await delay('1ms')
      return state.count
    })
    const run = rt.run(counter)
    expect(await run.rpc.add(3)).toBe(3)
    expect(await run).toBe(3)
  })

  test('its hooks do not run', async () => {
    await using rt = createTestRuntime()
    const ran: string[] = []
    const hooked = task({
      init: () => void ran.push('init'),
      before: () => void ran.push('before'),
      after: () => void ran.push('after'),
      run: async () => void ran.push('run'),
    })
    await rt.run(hooked)
    expect(ran.splice(0)).toEqual(['init', 'before', 'run', 'after'])
    rt.mock(hooked, () => undefined)
    await rt.run(hooked)
    expect(ran).toEqual([])
  })

  test('holds in its own runtime only', async () => {
    await using one = createTestRuntime()
    await using other = createTestRuntime()
    one.mock(half, () => 100)
    expect(await Promise.all([one.run(half, { n: 2 }), other.run(half, { n: 2 })])).toEqual([100, 1])
    expect([one.calls(half).length, other.calls(half).length]).toEqual([1, 1])
  })
})

describe('a fault', () => {
  test('of the n-th call hits its first attempt, and is retried like any other failure', async () => {
    await using rt = createTestRuntime()
    rt.fault(half, { nth: 2, kind: 'fail', error: new RangeError('no') })
    expect(await rt.run(half, { n: 2 })).toBe(1)
    await expect(rt.run(half, { n: 2 })).rejects.toMatchObject({ cause: { message: 'no', name: 'RangeError' } })
    rt.fault(half, { nth: 3, kind: 'lose' })
    const run = rt.run(half, { n: 2 }, { retry: { attempts: 2, delay: 1 } })
    expect(await run).toBe(1)
    expect(run.attempt).toBe(2)
  })

  test('without a number hits every attempt', async () => {
    await using rt = createTestRuntime()
    rt.fault(half, { kind: 'lose' })
    const run = rt.run(half, { n: 2 }, { retry: { attempts: 3, delay: 1 } })
    await expect(run).rejects.toThrow(TaskLostError)
    await expect(run).rejects.toThrow(/killed by SIGKILL \(by a fault of the test\)/)
    expect(run.attempt).toBe(3)
    expect(rt.calls(half)).toHaveLength(1)
  })

  test('delays the function', async () => {
    await using rt = createTestRuntime({ clock: 'manual' })
    rt.fault(numbers, { kind: 'delay', delay: '1m' })
    const run = rt.run(numbers, { to: 3 }, { timeout: '30s' })
    const ended = expect(run).rejects.toThrow(/timed out after 30s/)
    await rt.advance('29s')
    expect(run.status).toBe('running')
    await rt.advance('1s')
    await ended
    const patient = rt.run(numbers, { to: 3 })
    await rt.advance('1m')
    expect(await patient).toBe(3)
  })

  test('hits stand-ins as well', async () => {
    await using rt = createTestRuntime()
    rt.mock(half, () => 1)
    rt.fault(half, { nth: 1, kind: 'fail' })
    await expect(rt.run(half, { n: 2 })).rejects.toThrow(/half fails by a fault of the test/)
  })
})

describe('the end', () => {
  test('cancels what is unfinished and waits until it is gone', async () => {
    const ended: string[] = []
    const slow = task(async () => {
      try {
        await delay('1h')
      } finally {
        await shield(async () => await half({ n: 2 }))
        ended.push('child')
      }
    })
    const both = task(async () => {
      try {
        await Promise.all([slow(), slow()])
      } finally {
        ended.push('parent')
      }
    })
    let run: Promise<void>
    {
      await using rt = createTestRuntime({ clock: 'manual' })
      run = rt.run(both)
      run.catch(() => undefined)
      await rt.advance('1s')
    }
    expect(ended.toSorted()).toEqual(['child', 'child', 'parent'])
    await expect(run).rejects.toThrow(TaskCancelledError)
  })

  test('throws a failure that nobody looked at, the first one', async () => {
    const rt = createTestRuntime()
    const failing = task(async () => {
      throw new Error('unseen')
    })
    const run = rt.run(failing)
    await expect.poll(() => run.status).toBe('failed')
    await expect(rt[Symbol.asyncDispose]()).rejects.toThrow(/unseen/)
  })

  test('comes once, and calls after it are refused', async () => {
    const rt = createTestRuntime()
    await rt[Symbol.asyncDispose]()
    await rt[Symbol.asyncDispose]()
    await expect(rt.run(half, { n: 2 })).rejects.toThrow(/has already ended/)
  })

  test('does not wait longer than the grace for a function that does not listen', async () => {
    const deaf = task(async () => await new Promise<void>(() => undefined))
    const rt = createTestRuntime()
    const run = rt.run(deaf, {}, { grace: '50ms' })
    await run.ready
    await rt[Symbol.asyncDispose]()
    await expect(run).rejects.toThrow(/was killed after its grace/)
  })
})

test('a file that was loaded twice has tasks of its own each time', async () => {
  const load = async (version: number): Promise<typeof import('./twice.ts')> =>
    await import(/* @vite-ignore */ new URL(`twice.ts?v=${version}`, import.meta.url).href)
  const first = await load(1)
  await new Promise((resolve) => setImmediate(resolve))
  const second = await load(2)
  expect(first.one).not.toBe(second.one)
  await using rt = createTestRuntime()
  rt.mock(second.one, () => 'stand-in')
  expect(await Promise.all([rt.run(first.two), rt.run(second.two)])).toEqual(['two of one', 'two of stand-in'])
  expect([rt.calls(first.one).length, rt.calls(second.one).length]).toEqual([1, 1])
})

test('mistakes are told at the line that makes them', async () => {
  await using rt = createTestRuntime()
  const mistakes: [() => unknown, RegExp][] = [
    [() => rt.run(7 as never), /a task or a function; it got 7/],
    [() => rt.mock((() => 1) as never, () => 1), /A task is needed/],
    [() => rt.mock(half, 5 as never), /takes a function second; it got 5/],
    [() => rt.calls('half' as never), /A task is needed/],
    [() => rt.fault(half, { nth: 0, kind: 'fail' }), /nth: 0/],
    [() => rt.fault(half, { kind: 'explode' as never }), /"lose", "fail" or "delay"/],
    [() => rt.fault(half, { kind: 'delay' }), /needs a delay/],
    [() => rt.fault(half, { kind: 'fail', error: 'x' as never }), /is not an Error/],
    [() => createTestRuntime({ clock: 'fake' as never }), /"real" or "manual"/],
  ]
  for (const [mistake, message] of mistakes) {
    expect(mistake).toThrow(message)
    try {
      mistake()
    } catch (error) {
      expect((error as Error).stack?.split('\n')[1]).toMatch(/runtime\.test\.ts/)
    }
  }
  await expect(rt.advance('1s')).rejects.toThrow(UsageError)
})
