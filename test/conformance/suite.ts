/** The behaviours that every engine has. What differs between engines is a bug, or `isolated`. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { decodeError } from '../../src/core/error-wire.ts'
import { openHost, type ConformanceEngine } from './host.ts'

export function conformance(engine: ConformanceEngine): void {
  const { isolated } = engine

  describe(`calls on engine ${engine.name}`, () => {
    test('a task gives its output', async () => {
      await using host = await openHost(engine)
      expect(await host.output('calls:echo', { value: { a: [1, 'two', null] } })).toEqual({ a: [1, 'two', null] })
      expect(await host.output('calls:nothing')).toBeUndefined()
    })

    test('values that JSON has not come back as they were', async () => {
      await using host = await openHost(engine)
      const value = {
        at: new Date(1),
        big: 12345678901234567890n,
        map: new Map([[{ k: 1 }, new Set(['x'])]]),
        url: new URL('http://a.b/c'),
        bytes: new Uint8Array([1, 2, 255]),
        nan: NaN,
        zero: -0,
        list: [undefined, 1],
      }
      expect(await host.output('calls:echo', { value })).toEqual(value)
    })

    test('large values pass in both directions', async () => {
      await using host = await openHost(engine)
      const value = 'ä'.repeat(3_000_000)
      expect(await host.output('calls:echo', { value })).toBe(value)
    })

    test('calls one after another, side by side, and joined', async () => {
      await using host = await openHost(engine)
      expect(await host.output('calls:inSequence')).toBe(7)
      expect(await host.output('calls:inParallel')).toEqual([2, 4])
      expect(await host.output('calls:joined')).toEqual({ x: 2, y: 4 })
    })

    test('recursion finishes at width 2, since a run with unfinished children takes no place', async () => {
      await using host = await openHost(engine, { concurrency: 2 })
      expect(await host.output('calls:fib', { n: 5 })).toBe(5)
    })

    test('six levels deep, and thirty side by side', async () => {
      await using host = await openHost(engine)
      expect(await host.output('calls:depth', { left: 6 })).toBe(6)
      expect(await host.output('calls:fan', { width: 30 })).toBe(435)
    })

    test('a task that is not exported is found', async () => {
      await using host = await openHost(engine)
      expect(await host.output('calls:callsHidden')).toBe(40)
    })

    test('a call whose result nobody looks at leaves nothing', async () => {
      await using host = await openHost(engine)
      expect(await host.output('calls:forgetful')).toBe('done')
    })

    test('unfinished children are cancelled and gone before the output is told', async () => {
      await using host = await openHost(engine)
      expect(await host.output('calls:leavesChildren')).toBe('left')
      const ends = host.events.filter((event) => event.type === 'settled')
      expect(ends.map((event) => event.status)).toEqual(['cancelled', 'done'])
    })

    test('the input is taken at the call', async () => {
      await using host = await openHost(engine)
      expect(await host.output('calls:mutates')).toEqual({ n: 1 })
    })

    test('a run has its id at once and follows its status', async () => {
      await using host = await openHost(engine)
      expect(await host.output('calls:ids')).toEqual({
        before: { id: expect.stringMatching(/^echo-[a-z0-9]{8}$/), status: 'waiting' },
        after: 'done',
        attempt: 1,
      })
    })
  })

  describe(`errors on engine ${engine.name}`, () => {
    test('what a task throws is told with its name, message and stack', async () => {
      await using host = await openHost(engine)
      const settlement = await host.settle('errors:throws')
      expect(settlement).toMatchObject({ status: 'failed', error: { code: 'TASK_FAILED', name: 'RangeError', message: 'boom' } })
      expect(settlement.status === 'failed' && settlement.error.stack).toContain('tasks/errors.ts:11:')
    })

    test('a caller catches its child with cause and fields, and sees its own line', async () => {
      await using host = await openHost(engine)
      const caught = (await host.output('errors:catches')) as Record<string, string>
      expect(caught).toMatchObject({
        isTaskError: true,
        name: 'TaskFailedError',
        cause: 'QuotaError',
        text: 'over quota',
        inner: 'TypeError: 429',
        retryAfter: 30,
      })
      expect(caught['stack']).toContain('tasks/errors.ts:')
    })

    test('an error from deep below has one wrapper and the path of runs', async () => {
      await using host = await openHost(engine)
      const settlement = await host.settle('errors:passesOnTwice')
      if (settlement.status !== 'failed') throw new Error('it did not fail')
      expect(settlement.error).toMatchObject({ name: 'RangeError', message: 'deep' })
      expect(settlement.error.path?.map((step) => step.task)).toEqual([
        'tasks/errors:passesOnTwice',
        'tasks/errors:passesOn',
        'tasks/errors:throws',
      ])
      expect(decodeError(settlement.value!)).toBeInstanceOf(RangeError)
    })

    test('a failure that nobody looked at fails the caller', async () => {
      await using host = await openHost(engine)
      expect(await host.settle('errors:unseenFailure')).toMatchObject({ status: 'failed', error: { message: 'nobody looked' } })
    })

    test('throwing nothing is a failure all the same', async () => {
      await using host = await openHost(engine)
      expect(await host.settle('errors:throwsNothing')).toMatchObject({ status: 'failed', error: { code: 'TASK_FAILED' } })
    })

    test.runIf(isolated)('a rejection that nobody handles fails its run', async () => {
      await using host = await openHost(engine)
      expect(await host.settle('errors:floating')).toMatchObject({ status: 'failed', error: { message: 'floating' } })
    })

    test.runIf(isolated)('an exception in a callback fails its run', async () => {
      await using host = await openHost(engine)
      expect(await host.settle('errors:laterException')).toMatchObject({ status: 'failed', error: { message: 'from a timer' } })
    })

    test('values that cannot cross are refused with their path', async () => {
      await using host = await openHost(engine)
      expect(await host.settle('errors:badOutput')).toMatchObject({
        status: 'failed',
        error: { message: expect.stringContaining('output.a.deep') },
      })
      expect(await host.settle('errors:badInput')).toMatchObject({
        status: 'failed',
        error: { message: expect.stringContaining('input.value is a Promise') },
      })
    })

    test('a task that does not exist, and a module that does not load', async () => {
      await using host = await openHost(engine)
      expect(await host.settle('errors:missing')).toMatchObject({
        error: { code: 'TASK_NOT_LOADED', message: expect.stringContaining('no task called missing') },
      })
      expect(await host.settle('nowhere:missing')).toMatchObject({
        error: { code: 'TASK_NOT_LOADED', message: expect.stringContaining('tasks/nowhere') },
      })
      expect(await host.settle('broken:task')).toMatchObject({
        error: { code: 'TASK_NOT_LOADED', message: expect.stringContaining('broken at import') },
      })
    })

    test('a call while the module loads is refused', async () => {
      await using host = await openHost(engine)
      expect(await host.settle('calls-early:early')).toMatchObject({
        error: { code: 'TASK_NOT_LOADED', message: expect.stringContaining('isMain') },
      })
    })

    test('failed attempts are tried again', async () => {
      await using host = await openHost(engine)
      const retry = { attempts: 3, delay: 10 } as const
      expect(await host.output('errors:flaky', { failures: 2 }, { retry })).toEqual({ attempt: 3 })
      expect(await host.settle('errors:flaky', { failures: 9 }, { retry })).toMatchObject({
        status: 'failed',
        error: { message: 'attempt 3' },
      })
    })
  })

  describe(`endings on engine ${engine.name}`, () => {
    test('a cancelled task runs its finally blocks and is gone', async () => {
      await using host = await openHost(engine)
      const run = host.start('ending:waits')
      await host.event('running', (event) => event.run === run.id)
      run.cancel({ code: 'TASK_CANCELLED', message: 'enough' })
      expect(await run.settled).toMatchObject({ status: 'cancelled', error: { message: `${run.id} was cancelled: enough` } })
      if (isolated) expect(host.lines(run.id)).toContain('cleaned true')
    })

    test('a waiting run and a starting run can be cancelled', async () => {
      await using host = await openHost(engine, { concurrency: 1 })
      const starting = host.start('calls:slow')
      const waiting = host.start('calls:slow')
      for (const run of [waiting, starting]) run.cancel({ code: 'TASK_CANCELLED', message: 'enough' })
      expect((await waiting.settled).status).toBe('cancelled')
      expect((await starting.settled).status).toBe('cancelled')
    })

    test('a time-out ends the attempt', async () => {
      await using host = await openHost(engine)
      expect(await host.settle('calls:slow', {}, { timeout: '100ms' })).toMatchObject({
        status: 'failed',
        error: { code: 'TASK_TIMEOUT', message: expect.stringMatching(/slow-\w+ timed out after 100 ?ms/) },
      })
    })

    test('a run that waits too long for its start is told as such, and never starts', async () => {
      await using host = await openHost(engine, { concurrency: 1 })
      const first = host.start('calls:slow')
      const waiting = host.start('calls:slow', {}, { startTimeout: '100ms' })
      expect(await waiting.settled).toMatchObject({
        status: 'failed',
        error: { code: 'TASK_TIMEOUT', message: `${waiting.id} did not start within 100ms: it waited for a place` },
      })
      expect(host.events.filter((event) => event.type === 'starting' && event.run === waiting.id)).toEqual([])
      first.cancel({ code: 'TASK_CANCELLED', message: 'enough' })
    })

    test('a time-out ends all that is below the run, and each error says whose it was', async () => {
      await using host = await openHost(engine)
      const run = host.start('calls:longWinded', {}, { timeout: '2s' })
      expect(await run.settled).toMatchObject({ status: 'failed', error: { code: 'TASK_TIMEOUT' } })
      const ends = host.events.filter((event) => event.type === 'settled')
      expect(ends.length).toBeGreaterThan(1)
      for (const { status, error } of ends)
        expect([status, error?.code, error?.message]).toEqual([
          'failed',
          'TASK_TIMEOUT',
          expect.stringContaining(`${run.id} timed out after 2s`),
        ])
      expect(host.events.filter((event) => event.type === 'retrying')).toEqual([])
    })

    test("no attempt starts that could only begin after its caller's time-out", async () => {
      await using host = await openHost(engine)
      expect(await host.output('calls:hasNoTime', {}, { timeout: '10m' })).toEqual({
        name: 'TaskTimeoutError',
        message: expect.stringMatching(
          / has no time for another attempt: it would begin in .*, and its caller has-no-time-\w+ times out in .* ended with: boom$/,
        ),
        cause: 'RangeError: boom',
      })
    })

    test.runIf(isolated)('a busy loop is killed after its grace, and the error says so', async () => {
      await using host = await openHost(engine)
      const run = host.start('ending:busy', {}, { grace: '200ms' })
      // Lines and frames come by ways of their own: who is not known to run yet has no grace.
      await Promise.all([host.event('running', (event) => event.run === run.id), host.event('log', (event) => event.text === 'busy')])
      run.cancel({ code: 'TASK_CANCELLED', message: 'enough' })
      expect(await run.settled).toMatchObject({
        status: 'cancelled',
        error: { message: expect.stringContaining('killed after its grace') },
      })
    })

    test.runIf(isolated)('a stubborn child is killed with its parent, in one grace', async () => {
      await using host = await openHost(engine)
      const run = host.start('ending:parentOfStubborn', {}, { grace: '300ms' })
      await host.event('log', (event) => event.text === 'stubborn')
      const from = performance.now()
      run.cancel({ code: 'TASK_CANCELLED', message: 'enough' })
      expect((await run.settled).status).toBe('cancelled')
      expect(performance.now() - from).toBeLessThan(3_000)
    })

    test.runIf(isolated)('a worker that ends without an answer is lost, with the cause and its last lines', async () => {
      await using host = await openHost(engine)
      expect(await host.settle('ending:exits', { code: 7 })).toMatchObject({
        error: { code: 'TASK_LOST', exit: { how: 'exited', code: 7 }, lastLines: ['leaving'] },
      })
      expect(await host.settle('ending:exits', { code: 0 })).toMatchObject({
        error: { code: 'TASK_LOST', exit: { how: 'exited', code: 0 } },
      })
      expect(await host.settle('ending:killed')).toMatchObject({
        error: { code: 'TASK_LOST', exit: { how: 'killed', signal: 'SIGKILL' }, lastLines: ['last words'] },
      })
      expect(await host.settle('ending:aborts')).toMatchObject({
        error: { code: 'TASK_LOST', lastLines: expect.arrayContaining(['aborting']) },
      })
    })

    test.runIf(isolated)('a worker that leaves because its channel broke is told as such', async () => {
      await using host = await openHost(engine)
      expect(await host.settle('ending:losesChannel')).toMatchObject({
        error: {
          code: 'TASK_LOST',
          exit: { how: 'lost' },
          message: expect.stringContaining('the connection to its worker was lost'),
          lastLines: ['cut'],
        },
      })
    })

    test.runIf(isolated)('running out of memory is told as such', async () => {
      await using host = await openHost(engine)
      expect(await host.settle('ending:eats', {}, { memory: '64m' })).toMatchObject({
        error: { code: 'TASK_LOST', exit: { how: 'out-of-memory' } },
      })
    })

    test.runIf(isolated)('a subprocess that a task leaves behind is ended', async () => {
      await using host = await openHost(engine)
      const run = host.start('ending:leavesProcess')
      const settlement = await run.settled
      await host.event('removed', (event) => event.run === run.id)
      if (engine.name === 'process' && settlement.status === 'done')
        expect(isAlive(Buffer.from(settlement.output.data).toString())).toBe(false)
      expect(settlement.status).toBe('done')
    })
  })

  describe.runIf(isolated)(`output on engine ${engine.name}`, () => {
    test('everything printed arrives in order, before the result', async () => {
      await using host = await openHost(engine)
      const run = host.start('output:prints')
      await run.settled
      expect(host.lines(run.id)).toEqual(['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'])
      const of = host.events.filter((event) => event.run === run.id)
      expect(of.findIndex((event) => event.type === 'settled')).toBeGreaterThan(of.findLastIndex((event) => event.type === 'log'))
      expect(of.map((event) => event.seq)).toEqual(of.map((_, index) => index))
    })

    test('levels and streams are told apart', async () => {
      await using host = await openHost(engine)
      await host.output('output:prints')
      const of = (text: string) => host.events.find((event) => event.type === 'log' && event.text === text)
      expect(of('two')).toMatchObject({ level: 'error', stream: 'stderr' })
      expect(of('seven')).toMatchObject({ level: 'info', stream: 'log', fields: { n: 7 } })
    })

    test('the last thousand lines before a kill are there', async () => {
      await using host = await openHost(engine)
      const settlement = await host.settle('output:printsManyThenDies', { lines: 1_000 })
      expect(settlement).toMatchObject({ error: { code: 'TASK_LOST' } })
      expect(host.lines()).toEqual(Array.from({ length: 1_000 }, (_, i) => `line ${i}`))
    })

    test('ten thousand lines, a long line, odd bytes, and a thread hurt nobody', async () => {
      await using host = await openHost(engine)
      await host.output('output:printsMany', { lines: 10_000 })
      expect(host.lines().length).toBe(10_000)
      const long = host.start('output:printsLong', { length: 10_000_000 })
      await long.settled
      expect(host.lines(long.id).join('')).toHaveLength(10_000_000)
      const odd = host.start('output:printsOddBytes')
      await odd.settled
      expect(host.lines(odd.id)).toEqual(['a\ufffdb\0c'])
      const pieces = host.start('output:printsInPieces')
      await pieces.settled
      expect(host.lines(pieces.id).join('')).toBe('é and base64, f6\u{1f600}\ufffd cut')
      const thread = host.start('output:printsFromThread')
      await thread.settled
      expect(host.lines(thread.id)).toEqual(['from a thread'])
    })

    test('variables arrive, the rest of the host does not', async () => {
      process.env['COWAIT_TEST_HOST'] = 'secret'
      await using host = await openHost(engine)
      expect(await host.output('output:printsEnv', {}, { env: { SECRET: 'x' } })).toMatchObject({ secret: 'x', hasHost: false })
    })
  })
}

/** A process that has ended and was not collected yet counts as gone. */
function isAlive(pid: string): boolean {
  try {
    return !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}
