/** The concurrency words, row by row: what a person would write with asyncio or trio, on every engine. */
import { describe, expect, test } from 'vitest'
import { openHost, type ConformanceEngine } from './host.ts'

export function concurrency(engine: ConformanceEngine): void {
  const { isolated } = engine
  const output = async (name: string, input: unknown = {}): Promise<unknown> => {
    await using host = await openHost(engine)
    return await host.output(`concurrency:${name}`, input)
  }

  describe(`asyncio.run, create_task: the call itself, on engine ${engine.name}`, () => {
    test('a call starts at once', async () => {
      expect(await output('calls')).toBe(13)
    })
  })

  describe(`gather: join, on engine ${engine.name}`, () => {
    test('outputs come in the shape of the runs: tuple, list, iterable, record', async () => {
      expect(await output('joins')).toEqual({
        tuple: [1, 'plain', 2],
        list: [1, 4, 9],
        iterable: [16, 25],
        record: { a: 36, b: 'cleaned b' },
        nothing: [[], {}],
      })
    })

    test('a failure cancels the siblings, which are gone when it arrives', async () => {
      expect(await output('joinFails')).toMatchObject({ error: { name: 'TaskFailedError' }, statuses: ['cancelled', 'cancelled'] })
    })

    test('onError "leave" leaves the siblings alone', async () => {
      const left = (await output('joinLeaves')) as { status: string }
      expect(left).toMatchObject({ name: 'TaskFailedError', output: 'slept' })
      expect(['waiting', 'starting', 'running']).toContain(left.status)
    })
  })

  describe(`gather(return_exceptions=True): settled, on engine ${engine.name}`, () => {
    test('each outcome is a value', async () => {
      expect(await output('settles')).toEqual({ good: { ok: true, value: 9 }, bad: 'TaskFailedError', plain: 'TypeError' })
    })
  })

  describe(`wait: wait, on engine ${engine.name}`, () => {
    test('until the first, a time, the first failure or all; it cancels nothing', async () => {
      const told = (await output('waits')) as { statuses: { forever: string } }
      expect(told).toMatchObject({
        first: { done: ['square'], pending: ['slow'] },
        timed: { done: ['square'], pending: ['slow'] },
        failure: ['square', 'failing'],
        all: ['square', 'failing'],
        nothing: { done: [], pending: [] },
      })
      expect(['waiting', 'starting', 'running']).toContain(told.statuses.forever)
    })

    test('waiting for a run is not looking at its failure', async () => {
      await using host = await openHost(engine)
      expect(await host.settle('concurrency:waitIsNoLook')).toMatchObject({ status: 'failed', error: { message: 'nobody looked' } })
    })
  })

  describe(`as_completed: asCompleted, race, any, on engine ${engine.name}`, () => {
    test('the fastest comes first', async () => {
      expect(await output('completes')).toEqual([
        { index: 1, value: 9 },
        { index: 0, value: 'slept' },
      ])
    })

    test('break cancels the rest', async () => {
      expect(await output('completesAndBreaks')).toBe('cancelled')
    })

    test('a failure is thrown after what came before it, and cancels the rest', async () => {
      expect(await output('completesAndFails')).toEqual({ name: 'TaskFailedError', values: [4], rest: 'cancelled' })
    })

    test('race gives the first outcome, also a failure; the losers are gone', async () => {
      expect(await output('races')).toEqual({ winner: 4, loser: 'cancelled', failure: 'TaskFailedError', others: ['cancelled'] })
    })

    test('a loser that is no run but waits for some loses them', async () => {
      expect(await output('losers')).toEqual({ winner: 4, losers: Array.from({ length: 4 }, () => 'cancelled') })
    })

    test('any gives the first success, or all the failures', async () => {
      expect(await output('anys')).toEqual({
        winner: 4,
        loser: 'cancelled',
        none: { message: expect.stringMatching(/^None of 2 ended well: .*one; .*two$/), causes: ['TaskFailedError', 'TaskFailedError'] },
      })
    })
  })

  describe(`TaskGroup, nursery: group, on engine ${engine.name}`, () => {
    test("waits for the calls of its body and gives the body's value", async () => {
      expect(await output('groups')).toEqual({ value: 'value', statuses: ['done', 'done'] })
    })

    test('a failure that nobody awaits ends the body and the siblings, and is thrown', async () => {
      expect(await output('groupFails')).toMatchObject({
        error: { name: 'TaskFailedError', message: expect.stringContaining('boom') },
        sibling: 'cancelled',
      })
    })

    test('an error of the body cancels its calls, and is thrown', async () => {
      expect(await output('groupBodyFails')).toEqual({ name: 'TypeError', message: 'from the body', sibling: 'cancelled' })
    })

    test('a failure that the body handles is its own affair', async () => {
      expect(await output('groupHandles')).toEqual({ caught: 'TaskFailedError', late: [false, true] })
    })

    test('a group cancels the groups inside', async () => {
      expect(await output('groupsNest')).toEqual({ message: expect.stringContaining('boom'), deep: 'cancelled', inner: 'cancelled' })
    })

    test('a body that hears nothing does not hold it up', async () => {
      expect(await output('groupDeaf')).toBe('TaskFailedError')
    })

    test('cancel ends the calls, not the body', async () => {
      expect(await output('groupCancels')).toEqual({ aborted: true, reason: 'enough', run: false, status: 'cancelled' })
    })

    test('group.open owns what is run in it or added to it', async () => {
      expect(await output('groupOpen')).toEqual({ inside: 9, added: 16, left: 'cancelled' })
      expect(await output('groupOpenFails')).toEqual({
        joined: 'TaskFailedError',
        sibling: 'cancelled',
        disposed: 'none',
        silent: 'TaskFailedError',
      })
    })

    test('a session owns what is run in it', async () => {
      expect(await output('sessionInside')).toEqual({
        id: expect.stringMatching(/^mine-/),
        aborted: true,
        run: 'cancelled',
        outside: false,
        refused: 'TaskCancelledError',
      })
    })
  })

  describe(`timeout, wait_for, move_on_after: timeout, on engine ${engine.name}`, () => {
    test('what runs inside is gone when it rejects', async () => {
      const told = (await output('timesOut')) as { error: { stack: string } }
      expect(told).toMatchObject({
        error: { name: 'TaskTimeoutError', message: 'timed out after 200ms' },
        statuses: ['cancelled'],
        deaf: 'TaskTimeoutError',
        inTime: 9,
        own: 'TaskFailedError',
        signal: false,
      })
      expect(told.error.stack.split('\n')[1]).toContain('tasks/concurrency')
    })

    test('shielded calls of a finally block run first', async () => {
      expect(await output('timesOutTidily')).toEqual({ name: 'TaskTimeoutError', order: ['cleaned body', 'cleaned again'] })
    })

    test('the option timeout ends a run', async () => {
      await using host = await openHost(engine)
      expect(await host.settle('concurrency:slow', {}, { timeout: '100ms' })).toMatchObject({ error: { code: 'TASK_TIMEOUT' } })
    })
  })

  describe(`shield: shield, on engine ${engine.name}`, () => {
    test('calls in the finally block of a cancelled task need it, and get through with it', async () => {
      await using host = await openHost(engine)
      const run = host.start('concurrency:shields', {}, { grace: '60s' })
      await host.event('running', (event) => event.run === run.id)
      run.cancel({ code: 'TASK_CANCELLED', message: 'enough' })
      expect((await run.settled).status).toBe('cancelled')
      expect(host.lines(run.id)).toEqual(expect.arrayContaining(['refused TaskCancelledError', 'cleaned one, cleaned two']))
    })
  })

  describe(`Task.cancel, CancelledError: run.cancel, signal, on engine ${engine.name}`, () => {
    test('by hand, twice, by a signal, before the start', async () => {
      expect(await output('cancels')).toEqual({
        status: 'cancelled',
        message: expect.stringMatching(/^tidy-\w+ was cancelled: changed my mind$/),
        aborted: expect.stringContaining('by hand'),
        early: 'TaskCancelledError',
        atOnce: 'TaskCancelledError',
      })
    })

    test('leaving the block that holds a run', async () => {
      expect(await output('holds')).toBe('cancelled')
    })

    test.each(['groupsNest', 'mapFails', 'timesOut', 'tidy', 'leavesTower'])(
      'from outside, in the midst of %s',
      async (name) => {
        await using host = await openHost(engine)
        const run = host.start(`concurrency:${name}`)
        await host.event('running', (event) => event.run === run.id)
        run.cancel({ code: 'TASK_CANCELLED', message: 'enough' })
        expect(['cancelled', 'done']).toContain((await run.settled).status)
      },
      20_000,
    )
  })

  describe(`Semaphore, Lock, Queue, on engine ${engine.name}`, () => {
    test('a semaphore lets so many in, in order', async () => {
      expect(await output('semaphores')).toEqual({ most: 2, order: [1, 2, 3, 4, 5] })
    })

    test('a queue joins producers and consumers', async () => {
      expect(await output('queues')).toEqual({ filled: [1, 2, 3, 4, 5], taken: [1, 4, 9, 16, 25] })
    })
  })

  describe(`sleep: delay, on engine ${engine.name}`, () => {
    test('waits, and wakes when it is cancelled', async () => {
      expect(await output('delays')).toEqual({ took: true, gone: 'woken', own: 'TimeoutError', aborted: false })
    })
  })

  describe(`contextvars: useTask, on engine ${engine.name}`, () => {
    test('the context is found in every word', async () => {
      expect(await output('contexts')).toBe(true)
    })
  })

  describe(`map, mapStream, on engine ${engine.name}`, () => {
    test('outputs in the order of the items, or as they are ready', async () => {
      expect(await output('maps')).toEqual({
        byTask: [309, 101, 204],
        sync: [9, 1, 4],
        async: [9, 1, 4],
        plain: ['0: 1', '1: 4'],
        nothing: [],
        first: expect.arrayContaining([expect.any(Number)]),
        last: [0, 3, 9],
      })
    })

    test('a failure cancels the others and lets go of the items', async () => {
      expect(await output('mapFails')).toEqual({ name: 'TaskFailedError', pulled: 3, closed: true, statuses: ['cancelled'] })
    })

    test('items are pulled when there is room, and a slow reader holds them back', async () => {
      expect(await output('mapLazy')).toEqual({ count: 4, behind: 2 })
    })

    test('a signal, a timeout and the items themselves end it', async () => {
      expect(await output('mapCancelled')).toEqual({ bySignal: 'TaskCancelledError', byTimeout: 'TaskTimeoutError', byItems: 'no more' })
    })
  })

  describe(`Promise.all and its kin, on engine ${engine.name}`, () => {
    test('plain promises work', async () => {
      expect(await output('plain')).toEqual({ all: [1, 4], settled: ['fulfilled', 'rejected'], race: 9, any: 16, finally: 25 })
    })
  })

  describe(`structured concurrency as law, on engine ${engine.name}`, () => {
    test('when the owner ends, what is below it at depth 4 is gone before its output is told', async () => {
      await using host = await openHost(engine)
      const run = host.start('concurrency:leavesTower')
      expect((await run.settled).status).toBe('done')
      const settled = host.events.filter((event) => event.type === 'settled')
      expect(settled.at(-1)).toMatchObject({ run: run.id, status: 'done' })
      expect(settled.slice(0, -1).every((event) => event.status === 'cancelled')).toBe(true)
    })

    test('a failure that nobody looked at fails the owner, from depth 4', async () => {
      await using host = await openHost(engine)
      const settlement = await host.settle('concurrency:unseenTower')
      expect(settlement).toMatchObject({ status: 'failed', error: { name: 'RangeError', message: 'at the bottom' } })
      expect(settlement.status === 'failed' && settlement.error.path).toHaveLength(5)
    })

    test('a hundred children end with their owner', async () => {
      await using host = await openHost(engine)
      expect(await host.output('concurrency:leavesMany', { count: 100 })).toBe('left')
      expect(host.events.filter((event) => event.type === 'settled' && event.status === 'cancelled')).toHaveLength(100)
    })

    test('children of no length leave nothing', async () => {
      await using host = await openHost(engine)
      expect(await host.output('concurrency:manyShort', { count: 20 })).toBe('left')
      expect(host.events.filter((event) => event.type === 'settled')).toHaveLength(21)
    })

    test('one of a hundred fails: ninety-nine are gone', async () => {
      expect(await output('joinsMany', { count: 100 })).toEqual({ name: 'TaskFailedError', statuses: ['cancelled', 'failed'] })
    })

    test('a call after the end of its owner, or in a cancelled one, is refused at its own line', async () => {
      const late = (await output('callsLate')) as { error: { name: string; message: string; stack: string } }
      expect(late.error).toMatchObject({ name: 'TaskCancelledError', message: expect.stringContaining('has already ended') })
      expect(late.error.stack.split('\n')[1]).toContain('tasks/concurrency')
      const cancelled = (await output('callsCancelled')) as { name: string; message: string; stack: string }
      expect(cancelled).toMatchObject({ name: 'TaskCancelledError', message: expect.stringContaining('(enough). In a finally block') })
      expect(cancelled.stack.split('\n')[1]).toContain('tasks/concurrency')
    })
  })

  describe(`limits without a server, on engine ${engine.name}`, () => {
    test('a named limit holds across all workers of a run tree', async () => {
      const spans = (await output('limits')) as { from: number; to: number }[]
      expect(spans).toHaveLength(6)
      for (const { from } of spans) expect(spans.filter((span) => span.from <= from && from < span.to).length).toBeLessThanOrEqual(2)
    })

    test('so many in a second', async () => {
      // Counted from when the first was asked for: between its giving and its arrival lies the way from the supervisor.
      const got = (await output('paced')) as number[]
      expect(got[3]).toBeLessThan(900)
      expect(got[4]).toBeGreaterThanOrEqual(1_000)
    })

    test('a second rule for a name is refused', async () => {
      const error = (await output('twoRules')) as { name: string; message: string; stack: string }
      expect(error).toMatchObject({ name: 'UsageError', message: expect.stringMatching(/limit\("one"\).*1.*2.*one rule/) })
      expect(error.stack).toContain('tasks/concurrency')
    })

    test('a place is free again when its holder returns, throws or is cancelled', async () => {
      expect(await output('takesPlaces')).toEqual(['kept', 'TaskFailedError', 'cancelled', 'kept'])
    })

    test('waiting for a place takes no place of the width: a holder may call', async () => {
      await using host = await openHost(engine, { concurrency: 2 })
      expect(await host.output('concurrency:limitsAndWidth')).toEqual([4, 4, 4])
    })

    test('waiting for a place can be given up', async () => {
      expect(await output('givesUpPlace')).toEqual({ waited: 'TaskTimeoutError', next: 'free' })
    })

    test('limits hold whatever ids its runs have, that of the host included', async () => {
      expect(await output('callsHost')).toEqual(['UsageError', 6])
    })

    test.runIf(isolated)('a lost holder holds nothing', async () => {
      await using host = await openHost(engine)
      const lost = host.start('concurrency:keepsPlace', { how: 'waits' })
      await host.event('running', (event) => event.run === lost.id)
      lost.kill()
      await lost.settled
      expect(await host.output('concurrency:keepsPlace', { how: 'returns' })).toBe('kept')
    })
  })

  describe(`ceilings, on engine ${engine.name}`, () => {
    test('a task that calls itself without end stops at a depth', async () => {
      await using host = await openHost(engine, { limits: { depth: 6 } })
      expect(await host.settle('concurrency:endless')).toMatchObject({
        status: 'failed',
        error: { message: expect.stringMatching(/more than 6 levels.*raise limits\.depth/) },
      })
      expect(host.events.filter((event) => event.type === 'running')).toHaveLength(6)
    })

    test('and when all workers alive wait for calls', async () => {
      await using host = await openHost(engine, { limits: { alive: 4 } })
      expect(await host.settle('concurrency:endless')).toMatchObject({
        error: { message: expect.stringMatching(/4 workers are alive.*raise limits\.alive/) },
      })
      expect(await host.output('concurrency:maps')).toMatchObject({ sync: [9, 1, 4] })
    })

    test('and at a number of runs', async () => {
      await using host = await openHost(engine, { limits: { runs: 5 } })
      expect(await host.output('concurrency:reachesCeiling', { count: 10 })).toMatchObject({
        name: 'TaskFailedError',
        message: expect.stringMatching(/there were 5 runs already.*raise limits\.runs/),
      })
    })
  })

  describe(`mistakes, on engine ${engine.name}`, () => {
    test('each is told at the line that made it, and starts nothing', async () => {
      await using host = await openHost(engine)
      const told = (await host.output('concurrency:mistakes')) as Record<string, string>
      for (const [what, text] of Object.entries(told)) expect(text, what).toMatch(/^(Type|Usage|Range)Error: .{15,} @ tasks\/concurrency/)
      expect(told['map a list']).toContain('map() takes a task or a function first; it got [ 1 ]')
      expect(told['timeout duration']).toContain('"5x" is not a duration')
      expect(host.events.filter((event) => event.type === 'created')).toHaveLength(1)
    })
  })
}
