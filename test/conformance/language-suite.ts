/** What a task can say and do besides being called: methods, streams, forms, events, retries that ask, checks, errors. */
import { describe, expect, test } from 'vitest'
import type { TaskOptions } from '../../src/core/options.ts'
import { openHost, type ConformanceEngine } from './host.ts'

export function language(engine: ConformanceEngine): void {
  const { isolated } = engine

  const output = async (name: string, input?: unknown, options?: TaskOptions): Promise<unknown> => {
    await using host = await openHost(engine)
    return await host.output(name, input, options)
  }

  describe(`methods of a run, on engine ${engine.name}`, () => {
    test('calls wait until the run is ready, keep their order, and carry every value', async () => {
      expect(await output('language:callsMethods')).toEqual({
        last: 51,
        given: { map: new Map([[1, new Set([2n])]]), at: new Date(5), bytes: new Uint8Array([1, 2]), undef: [undefined] },
        items: [0, 2, 4, 0, 1],
        sum: 51,
      })
    })

    test('what a method throws is thrown at its caller, after the items that it gave, and hurts nobody else', async () => {
      const found = (await output('language:methodFails')) as { plain: { stack: string } & Record<string, unknown> } & Record<
        string,
        unknown
      >
      expect(found).toMatchObject({
        plain: { name: 'RangeError', message: 'no', isRange: true, cause: 'TypeError: inner' },
        seen: 500,
        stream: { name: 'RangeError', message: 'five hundred' },
        bad: { message: expect.stringMatching(/^arguments of give\(\)\[0\] is a function/) },
      })
      expect(found.plain.stack.match(/tasks\/language\.ts/g)).toHaveLength(2)
    })

    test('leaving a stream early ends its generator and nothing else', async () => {
      await using host = await openHost(engine)
      expect(await host.output('language:leavesMethodStream')).toBe(7)
      if (isolated) expect(host.lines()).toContain('count left')
    })

    test('only declared own methods can be called', async () => {
      const refused = 'NO_HANDLER'
      expect(await output('language:callsTricks')).toEqual({
        constructor: refused,
        ['__proto__']: refused,
        toString: refused,
        hasOwnProperty: refused,
        valueOf: refused,
        sum: refused,
        nope: refused,
        then: 'undefined',
        known: 'undefined',
      })
    })

    test('after the end, and in flight at the end, calls reject with RPC_CLOSED', async () => {
      const closed = { name: 'CowaitError', code: 'RPC_CLOSED' }
      expect(await output('language:callsTheEnded')).toMatchObject({ pending: closed, after: closed, quick: true })
    })

    test.runIf(isolated)('a call in flight when the worker is lost rejects with that as its cause', async () => {
      expect(await output('language:methodOfTheLost')).toEqual({
        call: { code: 'RPC_CLOSED', cause: 'TaskLostError' },
        end: 'TaskLostError',
      })
    })

    test('a thousand calls may be in flight, one more is refused', async () => {
      expect(await output('language:tooManyMethods')).toEqual({ late: 1_000, refused: 1 })
    })
  })

  describe(`handlers of a caller, on engine ${engine.name}`, () => {
    test('a run calls its caller: values, streams and errors; an optional method that is not there is undefined', async () => {
      expect(await output('language:answers')).toEqual({
        limit: 5,
        fed: 19_900,
        failure: 'RangeError: not today',
        note: 'undefined',
        then: 'undefined',
      })
    })

    test('a caller answers also what it has called before its own function runs', async () => {
      expect(await output('language:callsFromInit')).toBe(5)
    })

    test('where nobody listens, a required method fails with NO_HANDLER and an optional one is skipped', async () => {
      await using host = await openHost(engine)
      expect(await host.settle('language:asksNobody')).toMatchObject({
        status: 'failed',
        error: { code: 'NO_HANDLER', message: expect.stringContaining('no handler "limit"') },
      })
      expect(await host.output('language:optionalIsMissing')).toBe('nobody listens')
    })

    test('a run that is cancelled waits no longer for its caller: its finally blocks run', async () => {
      await using host = await openHost(engine)
      expect(await host.output('language:cancelsAsker')).toBe('ID was cancelled: enough')
      expect(host.events).toContainEqual(
        expect.objectContaining({ type: 'log', text: 'caught', fields: { name: 'TaskCancelledError', isReason: true } }),
      )
    })

    test('both directions at once, four levels deep', async () => {
      expect(await output('language:bothWaysDeep')).toEqual({
        result: 'root:leaf>>>',
        ups: ['leaf'],
        downs: ['n0<<<', 'n1<<<'],
        all: 20,
      })
    })
  })

  describe(`streams on engine ${engine.name}`, () => {
    test('items in order, then the output', async () => {
      expect(await output('language:reads', { to: 1_000 })).toEqual({ sum: 499_500, end: 'all 1000' })
      expect(await output('language:reads', { to: 0 })).toEqual({ sum: 0, end: 'all 0' })
    })

    test.runIf(isolated)('a hundred thousand items need no more memory than a hundred', { timeout: 120_000 }, async () => {
      const few = (await output('language:measuresStream', { to: 100 })) as { rss: number }
      const many = (await output('language:measuresStream', { to: 100_000 })) as { count: number; rss: number }
      expect(many.count).toBe(100_000)
      expect(many.rss - few.rss).toBeLessThan(64 * 1024 * 1024)
    })

    test('a reader that leaves cancels the run, which is never more than 64 items ahead', async () => {
      await using host = await openHost(engine)
      expect(await host.output('language:readsSlowly')).toBe('cancelled')
      const produced = await host.event('log', (event) => event.text === 'produced')
      expect(produced.fields!['produced']).toBeLessThanOrEqual(10 + 64 + 1)
    })

    test('an error comes after the items before it, and a run that has yielded is not tried again', async () => {
      expect(await output('language:readsThenFails')).toEqual({ count: 150, error: 'RangeError: at 150', attempt: 1 })
    })

    test('awaiting a run that nobody reads drains it', async () => {
      expect(await output('language:awaitsUnread')).toEqual({ end: 'all 1000', again: expect.stringContaining('drained') })
    })

    test('a root run that nobody reads goes on to its end', async () => {
      expect(await output('language:numbers', { to: 500 })).toBe('all 500')
    })

    test('items are any values, taken when they are yielded', async () => {
      const [first, second, map, none, bytes, date] = (await output('language:readsRich')) as unknown[]
      expect([first, second, none, date]).toEqual([{ n: 1 }, { n: 2 }, undefined, new Date(7)])
      expect(map).toEqual(new Map([[1n, new Float64Array([1, 2])]]))
      const { bytes: large, $ } = bytes as { bytes: Uint8Array; $: string }
      expect([Buffer.compare(large, new Uint8Array(300_000).fill(7)), $]).toEqual([0, 'x'])
    })

    test('an item that cannot cross fails the run with its path', async () => {
      await using host = await openHost(engine)
      expect(await host.settle('language:badItem')).toMatchObject({
        status: 'failed',
        error: { message: expect.stringMatching(/^yield\.a\[0\]/) },
      })
    })

    test('a generator that computes without a pause is read while it does, and can be left', async () => {
      expect(await output('language:readsComputing')).toEqual({ status: 'cancelled', soon: true })
    })
  })

  describe(`forms of a task, on engine ${engine.name}`, () => {
    test('hooks run around the function, in order, also when it fails', async () => {
      await using host = await openHost(engine)
      expect(await host.output('language:hooked', { n: 4 })).toBe(50)
      expect((await host.settle('language:hooked', { n: 40 })).status).toBe('failed')
      const told = host.events.filter((event) => event.type === 'log' && event.text === 'after')
      expect(told.map((event) => (event.type === 'log' ? event.fields!['ok'] : ''))).toEqual([true, false])
      expect(told[0]).toMatchObject({ fields: { order: ['init', 'before', 'run', 'after'] } })
    })

    test('the cancelled hook runs beside the function', async () => {
      await using host = await openHost(engine)
      const run = host.start('language:hookedCancel')
      await host.event('running', (event) => event.run === run.id)
      run.cancel({ code: 'TASK_CANCELLED', message: 'enough' })
      await run.settled
      expect(host.events).toContainEqual(
        expect.objectContaining({ type: 'log', text: 'cancelled', fields: { reason: expect.stringContaining('enough') } }),
      )
    })

    test('a class has one instance a run, and only its rpc fields can be called', async () => {
      expect(await output('language:usesCounter')).toEqual({
        out: { count: 6, name: 'counter' },
        reached: [6],
        each: [1, 2, 3],
        refused: 'NO_HANDLER',
      })
    })

    test('each can be called with nothing where nothing is required, and says what is missing where something is', async () => {
      await using host = await openHost(engine)
      const found = (await host.output('language:callsWithNothing')) as { missing: string[] }
      expect(found).toMatchObject({
        each: ['nothing', 'none', 3, 'object', 'class', 'nothing'],
        undefined: 3,
        with: 'none',
        map: [['nothing'], ['none']],
      })
      expect(found.missing).toHaveLength(2)
      for (const message of found.missing) expect(message).toMatch(/has an invalid input:\n {2}input\.n: .*expected number/)
      const [root] = host.events.filter((event) => event.type === 'created')
      expect(host.events.filter((event) => event.type === 'created' && event.run !== root!.run)).toHaveLength(10)
    })

    test('the options of an external task are those of its definition, below those of the call', async () => {
      await using host = await openHost(engine)
      expect(await host.output('language:callsExternal')).toEqual({ name: 'TaskTimeoutError' })
      expect(host.events).toContainEqual(expect.objectContaining({ type: 'created', tags: { from: 'definition' } }))
    })
  })

  describe(`context and events on engine ${engine.name}`, () => {
    test('useTask finds the run in deep code', async () => {
      expect(await output('language:knowsItself')).toEqual({ same: true, inMap: [true, true] })
    })

    test('a caller hears the status, attempts, progress, children and lines of its run', async () => {
      const { heard, lines } = (await output('language:listens')) as { heard: Record<string, unknown[]>; lines: string[] }
      expect(heard['status']).toEqual(['starting', 'running', 'done'])
      expect(heard['attempt']).toEqual([1])
      expect(heard['progress']!.at(-1)).toEqual({ value: 100, total: 100 })
      expect(heard['progress']!.length).toBeLessThan(10)
      expect(heard['child']).toEqual([
        { id: expect.stringMatching(/^knows-itself-/), name: 'knowsItself', task: 'tasks/language:knowsItself' },
      ])
      expect(lines).toContain('warn two')
      expect(heard['log']).toContain('two')
      if (isolated) expect(lines).toEqual(['info one', 'warn two'])
    })

    test('the task of a run, and its lines after its end, as often as they are asked for', async () => {
      const texts = await output('language:listensLate')
      const lines = isolated ? ['one', 'two'] : ['two']
      expect(texts).toEqual([[{ module: 'tasks/language', export: 'talks', runtime: 'node' }], lines, lines])
    })
    test.runIf(isolated)('a listener that throws fails the task that listens', async () => {
      await using host = await openHost(engine)
      expect(await host.settle('language:listensBadly')).toMatchObject({ status: 'failed', error: { message: 'listened badly' } })
    })

    test('lines of everything below', async () => {
      const lines = await output('language:listensToTree')
      expect(lines).toContain('two')
      if (isolated) expect(lines).toEqual(['middle', 'one', 'two'])
    })
  })

  describe(`retries on engine ${engine.name}`, () => {
    test('the caller is asked before each one', async () => {
      expect(await output('language:asksBeforeRetry')).toEqual({ attempts: 3, isBusy: true, other: 1, otherOk: false })
    })

    test('an error can say that another attempt cannot help', async () => {
      await using host = await openHost(engine)
      await host.settle('language:neverAgain', {}, { retry: { attempts: 5, delay: 1 } })
      expect(host.events.filter((event) => event.type === 'starting' && !event.phase)).toHaveLength(1)
    })

    test('for a root run the task itself is asked', async () => {
      await using host = await openHost(engine)
      await host.settle('language:busyTask', {}, { retry: { attempts: 5, delay: 1, when: () => true } })
      expect(host.events.filter((event) => event.type === 'retrying')).toHaveLength(2)
    })
  })

  describe(`checks on engine ${engine.name}`, () => {
    test('zod, valibot and arktype side by side: defaults, transforms once, messages with path, value and what was expected', async () => {
      await using host = await openHost(engine)
      const found = (await host.output('schemas:validates')) as { bad: { message: string }[] } & Record<string, unknown>
      expect(found).toMatchObject({
        good: [{ label: 'a:3' }, { label: 'b:4' }, { label: 'c:3' }],
        transformed: { year: 'in 2020' },
        output: { is: true, code: 'INVALID_OUTPUT', issues: [{ path: ['n'] }] },
      })
      for (const each of found.bad) expect(each).toMatchObject({ is: true, name: 'ValidationError', code: 'INVALID_INPUT', atCall: true })
      const messages = found.bad.map((each) => each.message)
      expect(messages[0]).toBe('ID has an invalid input:\n  input.name: Invalid input: expected string, received number, and it is 1')
      expect(messages[1]).toMatch(/input\.size: .*integer.*and it is 1\.5$/s)
      expect(messages[2]).toMatch(/input\.size: .*number.*and it is "big"$/s)
      expect(messages[3]).toMatch(/input\.n: fewer than ten, and it is 50$/)
      const started = host.events.filter((event) => event.type === 'created').map((event) => event.name)
      expect(started).toEqual(['validates', 'withZod', 'withValibot', 'withArktype', 'transformed', 'badOutput'])
    })

    test('the worker is the authority where the caller has no schema, and a refusal is final', async () => {
      expect(await output('schemas:validatesThere')).toEqual({
        error: expect.objectContaining({
          is: true,
          message: expect.stringContaining('input.list[1].n: '),
          issues: [{ message: expect.any(String), path: ['list', 1, 'n'] }],
        }),
        attempt: 1,
      })
    })

    test('bad input is refused at the caller, with the fix, and no worker is started for it', async () => {
      await using host = await openHost(engine)
      const { refused, stacks } = (await host.output('language:refusals')) as { refused: Record<string, string>; stacks: boolean }
      expect(refused).toMatchObject({
        positional: expect.stringMatching(/takes one input object|options as its second/),
        text: 'accumulator() takes one input object; it got "x". Write accumulator({ key: value }).',
        list: expect.stringContaining('it got [ 1 ]'),
        nothing: expect.stringContaining('it got null'),
        three: expect.stringContaining('3 arguments'),
        stray: 'input.a: takesNothing takes no input, and it got { a: 1 }',
        run: expect.stringContaining('input.wait is a TaskRun'),
        promise: expect.stringContaining('input.wait is a Promise'),
        function: expect.stringContaining('input.wait is a function'),
        cycle: expect.stringContaining('input.self'),
        instance: expect.stringContaining('input.deep[0]'),
        option: expect.stringContaining('did you mean "timeout"?'),
        duration: expect.stringContaining('"1 second"'),
        size: expect.stringContaining('"10 elephants"'),
        negative: expect.stringContaining('-1'),
        id: expect.stringContaining('"Not An Id"'),
        signal: expect.stringContaining('not an AbortSignal'),
        signalOfWith: expect.stringContaining('.with(): signal: "now" is not an AbortSignal'),
        handlers: expect.stringContaining('handlers.seen'),
      })
      expect(stacks).toBe(true)
      expect(host.events.filter((event) => event.type === 'created').map((event) => event.name)).toEqual(['refusals', 'takesNothing'])
    })
  })

  describe(`errors across borders on engine ${engine.name}`, () => {
    test('one wrapper, the original class at depth 4, the way down to the line that threw, printed once', async () => {
      const found = (await output('language:catchesDeep')) as {
        at: (string | undefined)[]
        stack: string
        printed: string
      } & Record<string, unknown>
      expect(found).toMatchObject({
        isBusy: true,
        seconds: 9,
        tasks: ['tasks/language:fail3', 'tasks/language:fail2', 'tasks/language:fail1', 'tasks/language:fail0'],
      })
      expect(found.at.every((at) => at?.includes('tasks/language.ts:'))).toBe(true)
      const way = [
        'TaskFailedError: fail3-ID failed: Busy: busy for 9',
        '    at tasks/language.ts',
        '    -- in fail3-ID (tasks/language:fail3)',
        '    at tasks/language.ts',
        '    -- in fail2-ID (tasks/language:fail2)',
        '    at tasks/language.ts',
        '    -- in fail1-ID (tasks/language:fail1)',
        '    at tasks/language.ts',
        '    -- in fail0-ID (tasks/language:fail0)',
      ]
      expect(readable(found.stack).split('\n')).toEqual([...way, '    at thrower tasks/language.ts', '    at Object.run tasks/language.ts'])
      expect(readable(found.printed).split('\n')).toEqual([
        ...way.slice(0, -1),
        `${way.at(-1)} {`,
        '  [cause]: Busy: busy for 9',
        '      at thrower tasks/language.ts',
        '      at Object.run tasks/language.ts {',
        '    seconds: 9',
        '  }',
        '}',
      ])
    })

    test('what was cancelled, timed out or lost at depth 4 says so in print, once', async () => {
      const way = (end: string) => [
        `TaskFailedError: down0-ID failed: ${end}`,
        '    at tasks/printed.ts',
        '    at Array.map (<anonymous>)',
        '    at tasks/printed.ts',
        '    -- in down0-ID (tasks/printed:down0)',
        '    at tasks/printed.ts',
        '    -- in down1-ID (tasks/printed:down1)',
        '    at tasks/printed.ts',
        '    -- in down2-ID (tasks/printed:down2) {',
        `  [cause]: ${end}`,
        '      at tasks/printed.ts {',
      ]
      const fields = (code: string, ...more: string[]) => {
        const all = [`code: '${code}'`, "taskId: 'down3-ID'", "task: 'down3'", ...more]
        return [...all.map((field, n) => `    ${field}${n === all.length - 1 ? '' : ','}`), '  }', '}']
      }
      const lost = 'TaskLostError: down3-ID was lost: its worker left with exit code 7 before it answered'
      const expected = {
        cancelled: [...way('TaskCancelledError: down3-ID was cancelled: nobody needs it'), ...fields('TASK_CANCELLED')],
        'timed out': [...way('TaskTimeoutError: down3-ID timed out after 50ms'), ...fields('TASK_TIMEOUT')],
        ...(engine.isolated && {
          lost: [...way(lost), ...fields('TASK_LOST', "lastLines: [ 'last words' ]", "exit: { how: 'exited', code: 7 }")],
        }),
      }
      const printed = (await output('printed:printed', { ways: Object.keys(expected) })) as string[]
      expect(printed.map((text) => readable(text).split('\n'))).toEqual(Object.values(expected))
    })

    test('causes keep their order', async () => {
      expect(await output('language:catchesChain')).toEqual(Array.from({ length: 7 }, (_, i) => `level ${6 - i}`))
    })
  })
}

/** Without what differs from run to run, and from folder to folder. */
function readable(text: string): string {
  const ids = text.replaceAll(/((?:fail|down)\d)-[a-z\d]{8}/g, '$1-ID')
  const places = ids.replaceAll(/\(?(?:file:\/\/)?(?:\/[^\s()]*?)?\b(tasks\/\w+\.ts):\d+:\d+\)?/g, '$1')
  // Where a test runs the engine in its own process two copies of this package meet, and each leaves out its own frames only.
  return places.replaceAll(/\n +at [^\n]*\/(?:src\/worker|dist)\/[^\n]*?(?=( \{)?(?:\n|$))/g, '')
}
