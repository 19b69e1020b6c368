import { describe, expect, test } from 'vitest'
import type { CancelReason } from '../../src/core/caller.ts'
import type { Ceilings } from '../../src/core/ceilings.ts'
import { deadlineOf } from '../../src/supervisor/deadline.ts'
import { RunTree } from '../../src/supervisor/tree.ts'
import type { AttemptOutcome, Effect, NewRun, RunRecord, Settlement, TreeMessage } from '../../src/supervisor/tree-messages.ts'

const value = {} as never
const done: AttemptOutcome = { type: 'done', value }
const thrown = (retryable = true): AttemptOutcome => ({
  type: 'failed',
  error: { code: 'TASK_FAILED', name: 'Error', message: 'boom' },
  value,
  retryable,
})

/** A tree that is driven by hand, with its effects as short words. */
function drive({ width = 8, ceilings = {} }: { width?: number; ceilings?: Partial<Ceilings> } = {}) {
  const tree = new RunTree(width, () => 1, ceilings)
  let now = 0
  const settlements = new Map<string, Settlement>()
  const apply = (message: TreeMessage, say = word): string[] =>
    tree
      .apply(message, now)
      .map((effect) => {
        if (effect.type === 'settle') settlements.set(effect.run.id, effect.settlement)
        return say(effect)
      })
      .filter((text) => text !== '')
  return {
    tree,
    errorOf: (id: string) => {
      const settlement = settlements.get(id)
      return settlement && 'error' in settlement ? settlement.error : undefined
    },
    advance: (ms: number) => (now += ms),
    call: (id: string, parent: string | null = null, more: Partial<NewRun> = {}, say = word) =>
      apply(
        {
          type: 'call',
          run: {
            id,
            parent,
            client: 'c',
            callerAttempt: parent === null ? 0 : (tree.runs.get(parent)?.attempt ?? 1),
            task: { module: 'm', export: id },
            name: id,
            engine: 'memory',
            options: {},
            shield: false,
            handlers: [],
            decides: false,
            key: id,
            input: value,
            ...more,
          },
        },
        say,
      ),
    running: (run: string) => apply({ type: 'running', run }),
    ended: (run: string, outcome: AttemptOutcome = done) => apply({ type: 'attempt-ended', run, outcome }),
    gone: (run: string) => apply({ type: 'worker-gone', run }),
    cancel: (run: string, kill = false, reason: CancelReason = { code: 'TASK_CANCELLED', message: 'enough' }) =>
      apply({ type: 'cancel', run, reason, kill }),
    timer: (run: string, timer: 'start' | 'timeout' | 'grace' | 'retry') => apply({ type: 'timer', run, timer }),
  }
}

function word(effect: Effect): string {
  switch (effect.type) {
    case 'settle':
      return `settle ${effect.run.id} ${effect.settlement.status}`
    case 'set-timer':
      return `timer ${effect.run.id} ${effect.timer} ${effect.ms}`
    case 'start':
    case 'cancel-worker':
    case 'kill-worker':
    case 'removed':
      return `${effect.type} ${effect.run.id}`
    default:
      return ''
  }
}

const retry = { attempts: 3, delayMs: 100, factor: 2, maxDelayMs: 1_000 }

test('a run starts, runs, settles and is gone', () => {
  const { call, running, ended, gone, tree } = drive()
  expect(call('a')).toEqual(['start a'])
  expect(running('a')).toEqual([])
  expect(ended('a')).toEqual(['settle a done'])
  expect(gone('a')).toEqual(['removed a'])
  expect(tree.runs.size).toBe(0)
})

test('runs beyond the width wait, and go in the order of their calls', () => {
  const { call, ended, gone } = drive({ width: 2 })
  expect([call('a'), call('b'), call('c'), call('d')].flat()).toEqual(['start a', 'start b'])
  expect([...ended('b'), ...gone('b')]).toEqual(['settle b done', 'start c', 'removed b'])
})

test('the calls of one root, however many, do not hold up another root', () => {
  const { call, running, ended, gone } = drive({ width: 2 })
  const end = (id: string): string[] => [...ended(id), ...gone(id)].filter((text) => text.startsWith('start'))
  call('greedy')
  running('greedy')
  for (let n = 0; n < 100; n++) call(`greedy-${n}`, 'greedy')
  call('modest')
  expect(end('greedy-0')).toEqual(['start modest'])
  running('modest')
  for (let n = 0; n < 3; n++) call(`modest-${n}`, 'modest')
  const started = ['greedy-1']
  for (let n = 0; n < 6; n++) started.push(...end(started[n] as string).map((text) => text.slice('start '.length)))
  expect(started.filter((id) => id.startsWith('modest'))).toEqual(['modest-0', 'modest-1', 'modest-2'])
})

test('no more roots are open at once than there are places, while anything below them waits', () => {
  const { call, running, ended, gone } = drive({ width: 2 })
  for (const root of ['a', 'b', 'c']) call(root)
  for (const root of ['a', 'b']) {
    running(root)
    for (let n = 0; n < 3; n++) call(`${root}-${n}`, root)
  }
  expect([...ended('a-0'), ...gone('a-0')]).not.toContain('start c')
  for (const id of ['a-1', 'a-2', 'b-0', 'b-1', 'b-2']) {
    ended(id)
    gone(id)
  }
  ended('a')
  expect(gone('a')).not.toContain('start a')
})

test('a run with unfinished children takes no place', () => {
  const { call, running, ended, gone } = drive({ width: 1 })
  call('root')
  running('root')
  expect(call('child', 'root')).toEqual(['start child'])
  expect(call('other', 'root')).toEqual([])
  expect([...ended('child'), ...gone('child')]).toContain('start other')
})

test('the deepest waiting run goes first', () => {
  const { call, running, ended } = drive({ width: 1 })
  call('root')
  running('root')
  call('a', 'root')
  running('a')
  call('b', 'root')
  call('c', 'a')
  running('c')
  call('d', 'a')
  expect(ended('c')).toEqual(['settle c done', 'start d'])
})

test('children are cancelled and gone before their parent settles', () => {
  const { call, running, ended, gone } = drive()
  call('root')
  running('root')
  call('child', 'root')
  running('child')
  expect(ended('root')).toEqual(['cancel-worker child', 'timer child grace 5000'])
  expect(ended('child', thrown())).toEqual([])
  expect(gone('child')).toEqual(['settle child cancelled', 'removed child', 'settle root done'])
})

test('a cancelled run never settles as done, and only when its worker is gone', () => {
  const { call, running, cancel, ended, gone } = drive()
  call('a')
  running('a')
  expect(cancel('a')).toEqual(['cancel-worker a', 'timer a grace 5000'])
  expect(ended('a', done)).toEqual([])
  expect(gone('a')).toEqual(['settle a cancelled', 'removed a'])
})

test.each([done, thrown()])('what a cancelled run has answered all the same ($type) is let go', (answer) => {
  const { tree, call, running, ended, cancel } = drive()
  call('a')
  running('a')
  cancel('a')
  ended('a', answer)
  const effects = tree.apply({ type: 'worker-gone', run: 'a' }, 0).map(({ type }) => type)
  expect(effects).toEqual(expect.arrayContaining(['settle', 'release', 'removed']))
})

test('a second cancel changes nothing, a kill ends the grace', () => {
  const { call, running, cancel } = drive()
  call('a')
  running('a')
  cancel('a')
  expect(cancel('a')).toEqual([])
  expect(cancel('a', true)).toEqual(['kill-worker a'])
})

test('one grace holds for the whole run tree, and the deepest is killed first', () => {
  const { call, running, cancel, advance, timer } = drive()
  call('root', null, { options: { graceMs: 1_000 } })
  running('root')
  call('child', 'root', { options: { graceMs: 60_000 } })
  running('child')
  expect(cancel('root')).toEqual(['cancel-worker child', 'timer child grace 1000', 'cancel-worker root', 'timer root grace 1000'])
  advance(1_000)
  expect(timer('root', 'grace')).toEqual(['kill-worker child', 'kill-worker root'])
})

test('a shielded child survives the cancelling of its parent, not its end', () => {
  const { call, running, cancel, ended } = drive()
  call('root')
  running('root')
  expect(cancel('root')).toEqual(['cancel-worker root', 'timer root grace 5000'])
  expect(call('cleanup', 'root', { shield: true })).toEqual(['start cleanup'])
  running('cleanup')
  expect(call('other', 'root')).toEqual(['settle other cancelled', 'removed other'])
  expect(ended('root', thrown())[0]).toBe('cancel-worker cleanup')
})

test('a waiting run is cancelled at once', () => {
  const { call, cancel, tree } = drive({ width: 1 })
  call('a')
  call('b')
  expect(cancel('b')).toEqual(['settle b cancelled', 'removed b'])
  expect(tree.runs.size).toBe(1)
})

test('a failed attempt is tried again after its worker is gone, with growing pauses', () => {
  const { call, running, ended, gone, timer } = drive()
  call('a', null, { options: { retry } })
  running('a')
  expect(ended('a', thrown())).toEqual([])
  expect(gone('a')).toEqual(['timer a retry 100'])
  expect(timer('a', 'retry')).toEqual(['start a'])
  ended('a', thrown())
  expect(gone('a')).toEqual(['timer a retry 200'])
  timer('a', 'retry')
  ended('a', thrown())
  expect(gone('a')).toEqual(['settle a failed', 'removed a'])
})

test('what cannot be helped by another attempt is not tried again', () => {
  const { call, ended, gone } = drive()
  call('a', null, { options: { retry: { attempts: 3, delayMs: 100, factor: 2, maxDelayMs: 1_000 } } })
  ended('a', thrown(false))
  expect(gone('a')).toEqual(['settle a failed', 'removed a'])
})

test('a timed-out attempt fails, and may be tried again', () => {
  const { call, running, timer, ended, gone } = drive()
  call('a', null, { options: { timeoutMs: 50, retry: { attempts: 2, delayMs: 10, factor: 2, maxDelayMs: 1_000 } } })
  expect(running('a')).toEqual(['timer a timeout 50'])
  expect(timer('a', 'timeout')).toEqual(['cancel-worker a', 'timer a grace 5000'])
  ended('a', done)
  expect(gone('a')).toEqual(['timer a retry 10'])
  timer('a', 'retry')
  running('a')
  timer('a', 'timeout')
  ended('a', done)
  expect(gone('a')).toEqual(['settle a failed', 'removed a'])
})

test.each([false, true])('a cancel after a time-out is the last word: no other attempt follows (kill: %s)', (kill) => {
  const { call, running, timer, cancel, gone, errorOf } = drive()
  call('a', null, { options: { timeoutMs: 50, graceMs: 10, retry } })
  running('a')
  expect(timer('a', 'timeout')).toEqual(['cancel-worker a', 'timer a grace 10'])
  cancel('a', kill)
  expect(gone('a')).toEqual(['settle a cancelled', 'removed a'])
  expect(errorOf('a')?.message).toMatch(/^a was cancelled: enough/)
})

test('a time-out that its caller set is the last word too, and does not hide why an attempt ended before', () => {
  const { call, running, timer, cancel, gone, errorOf } = drive()
  const late = { code: 'TASK_TIMEOUT', message: 'a timed out after 3s' } as const
  call('a', null, { options: { timeoutMs: 50, retry } })
  running('a')
  timer('a', 'timeout')
  gone('a')
  expect(cancel('a', false, late)).toEqual(['settle a failed', 'removed a'])
  expect(errorOf('a')).toMatchObject({ code: 'TASK_TIMEOUT', message: 'a timed out after 3s' })
  call('b', null, { options: { timeoutMs: 50, retry } })
  running('b')
  timer('b', 'timeout')
  cancel('b', false, late)
  expect(gone('b')).toContain('settle b failed')
  expect(errorOf('b')?.message).toBe('b timed out after 50ms')
})

test('a cancel ends a run of which its caller is asked whether it is tried again after a time-out', () => {
  const { call, running, timer, cancel, gone } = drive()
  call('a', null, { options: { timeoutMs: 50, retry: { ...retry, ask: true } } })
  running('a')
  timer('a', 'timeout')
  expect(gone('a')).toEqual([])
  expect(cancel('a')).toEqual(['settle a cancelled', 'removed a'])
})

test('a run of which nobody says any more whether it is tried again ends with its caller', () => {
  const { call, running, timer, ended, gone } = drive()
  call('a')
  running('a')
  call('b', 'a', { options: { timeoutMs: 50, retry: { ...retry, ask: true } } })
  running('b')
  timer('b', 'timeout')
  expect(gone('b')).toEqual([])
  expect(ended('a', { type: 'lost', error: { code: 'TASK_LOST', name: 'Error', message: 'gone' }, retryable: false })).toEqual([
    'settle b cancelled',
    'removed b',
  ])
  expect(gone('a')).toEqual(['settle a failed', 'removed a'])
})

test('a time-out of its caller ends a run of which that is asked after a time-out of its own', () => {
  const { call, running, timer, gone, errorOf } = drive()
  call('a', null, { options: { timeoutMs: 90 } })
  running('a')
  call('b', 'a', { options: { timeoutMs: 50, retry: { ...retry, ask: true } } })
  running('b')
  timer('b', 'timeout')
  gone('b')
  expect(timer('a', 'timeout')).toContain('settle b failed')
  expect(errorOf('b')?.message).toBe('b timed out after 50ms')
  expect(gone('a')).toEqual(['settle a failed', 'removed a'])
})

test('what ended with the time-out of its caller says so, whatever its caller does then', () => {
  const { call, running, timer, ended, gone, errorOf } = drive()
  call('a', null, { options: { timeoutMs: 50 } })
  running('a')
  call('b', 'a')
  running('b')
  timer('a', 'timeout')
  ended('a')
  gone('b')
  expect(errorOf('b')?.message).toBe('b was out of time: its caller a timed out after 50ms')
})

test('the deadline of a run is the earliest of its own and those of its callers', () => {
  const { tree, call, running, advance } = drive()
  const deadline = (id: string): unknown => {
    const found = deadlineOf(tree.runs.get(id) as RunRecord, tree.runs)
    return found && [found.at, found.run.id]
  }
  call('root', null, { options: { timeoutMs: 1_000 } })
  call('early', 'root')
  expect([deadline('root'), deadline('early')]).toEqual([undefined, undefined])
  running('root')
  advance(200)
  for (const [id, parent, timeoutMs] of [
    ['long', 'root', 5_000],
    ['short', 'root', 300],
    ['below', 'long', undefined],
  ] as const) {
    call(id, parent, { options: timeoutMs === undefined ? {} : { timeoutMs } })
    running(id)
  }
  call('shielded', 'root', { shield: true })
  expect(['root', 'early', 'long', 'short', 'below', 'shielded'].map(deadline)).toEqual([
    [1_000, 'root'],
    [1_000, 'root'],
    [1_000, 'root'],
    [500, 'short'],
    [1_000, 'root'],
    undefined,
  ])
})

test('a time-out ends all that is below the run, and each error names whose deadline it was', () => {
  const { call, running, timer, ended, gone, errorOf } = drive({ width: 3 })
  call('root', null, { options: { timeoutMs: 1_000 } })
  running('root')
  call('child', 'root', { options: { timeoutMs: 60_000, retry } })
  running('child')
  call('deep', 'child')
  running('deep')
  call('kept', 'root', { shield: true })
  for (const id of ['filler', 'other', 'queued']) call(id, 'child')
  const effects = timer('root', 'timeout')
  expect(effects).toContain('settle queued failed')
  for (const id of ['root', 'child', 'deep']) expect(effects).toContain(`cancel-worker ${id}`)
  expect(effects).not.toContain('cancel-worker kept')
  for (const id of ['filler', 'other', 'deep']) gone(id)
  ended('child', thrown())
  expect(gone('child')).toEqual(['settle child failed', 'removed child'])
  const message = 'root timed out after 1s'
  expect(errorOf('child')).toMatchObject({ code: 'TASK_TIMEOUT', message: `child was out of time: its caller ${message}` })
  expect(errorOf('deep')).toMatchObject({ code: 'TASK_TIMEOUT', message: `deep was out of time: its caller ${message}` })
  ended('kept')
  gone('kept')
  ended('root')
  gone('root')
  expect(errorOf('root')).toMatchObject({ code: 'TASK_TIMEOUT', message })
})

test("children that their caller's end waits for end with its time-out", () => {
  const { call, running, timer, ended, gone, errorOf } = drive()
  call('root', null, { options: { timeoutMs: 1_000, orphans: 'wait' } })
  running('root')
  call('child', 'root')
  running('child')
  ended('root')
  gone('root')
  expect(timer('root', 'timeout')).toContain('cancel-worker child')
  expect(gone('child')).toContain('settle root failed')
  expect([errorOf('child')?.code, errorOf('root')?.code]).toEqual(['TASK_TIMEOUT', 'TASK_TIMEOUT'])
})

test("no attempt starts that could only begin after a caller's deadline: the run fails at once", () => {
  const { call, running, advance, timer, ended, gone, errorOf } = drive()
  call('root', null, { options: { timeoutMs: 1_000 } })
  running('root')
  call('middle', 'root')
  running('middle')
  call('child', 'middle', { options: { retry: { attempts: 5, delayMs: 100, factor: 10, maxDelayMs: 10_000 } } })
  running('child')
  ended('child', thrown())
  expect(gone('child')).toEqual(['timer child retry 100'])
  advance(100)
  timer('child', 'retry')
  running('child')
  ended('child', thrown())
  expect(gone('child')).toEqual(['settle child failed', 'removed child'])
  expect(errorOf('child')).toMatchObject({
    code: 'TASK_TIMEOUT',
    message:
      'child has no time for another attempt: it would begin in 1s, and its caller root times out in 900ms. Attempt 2 ended with: boom',
  })
})

test('a run that waited too long for its first start ends; an attempt that did may be followed by another', () => {
  const { call, timer, gone, errorOf } = drive({ width: 1 })
  const options = { startTimeoutMs: 50, retry }
  expect(call('a', null, { options })).toEqual(['timer a start 50', 'start a'])
  expect(call('b', null, { options })).toEqual(['timer b start 50'])
  expect(timer('b', 'start')).toEqual(['settle b failed', 'removed b'])
  expect(errorOf('b')).toMatchObject({ code: 'TASK_TIMEOUT', message: 'b did not start within 50ms: it waited for a place' })
  expect(timer('a', 'start')).toEqual(['kill-worker a'])
  expect(gone('a')).toEqual(['timer a retry 100'])
  expect(timer('a', 'retry')).toEqual(['timer a start 50', 'start a'])
})

test('another attempt that gets no place in time is the last', () => {
  const { call, timer, ended, gone, errorOf } = drive({ width: 1 })
  call('a', null, { options: { startTimeoutMs: 50, retry: { ...retry, attempts: 5 } } })
  call('b')
  ended('a', thrown())
  expect(gone('a')).toEqual(['timer a retry 100', 'start b'])
  expect(timer('a', 'retry')).toEqual(['timer a start 50'])
  expect(timer('a', 'start')).toEqual(['settle a failed', 'removed a'])
  expect(errorOf('a')).toMatchObject({ code: 'TASK_TIMEOUT', message: 'a did not start within 50ms: it waited for a place' })
})

test('a client that leaves takes its root runs with it', () => {
  const { tree, call, running } = drive()
  call('a')
  running('a')
  const effects = tree.apply({ type: 'client-ended', client: 'c', reason: { code: 'TASK_CANCELLED', message: 'left' } }, 0)
  expect(effects.map(word)).toContain('cancel-worker a')
})

describe('a call whose caller hears of nothing any more is dropped, and its input let go:', () => {
  test('its caller is gone', () => {
    const { tree, call, running, ended, gone } = drive()
    call('a')
    running('a')
    ended('a')
    gone('a')
    const released = call('late', 'a', {}, (effect) => `${effect.type} ${effect.run.id}`)
    expect(released).toEqual(['release late'])
    expect(tree.runs.size).toBe(0)
  })

  test('the worker of its caller is gone, whatever still has to end below that', () => {
    const { tree, call, running, cancel, gone } = drive()
    call('a')
    running('a')
    call('shielded', 'a', { shield: true })
    cancel('a')
    gone('a')
    expect(call('late', 'a', { shield: true })).toEqual([])
    expect([...tree.runs.keys()]).toEqual(['a', 'shielded'])
  })

  test('an earlier attempt of its caller has made it', () => {
    const { tree, call, running, ended, gone, timer } = drive()
    call('a', null, { options: { retry } })
    running('a')
    ended('a', thrown())
    gone('a')
    expect(call('pausing', 'a', { callerAttempt: 1 })).toEqual([])
    timer('a', 'retry')
    expect(call('late', 'a', { callerAttempt: 1 })).toEqual([])
    expect(call('child', 'a', { callerAttempt: 2 })).toEqual(['start child'])
    expect([...tree.runs.keys()]).toEqual(['a', 'child'])
  })
})

test('once the tree is closed, no root begins; what a root still has to do in a shield does', () => {
  const { tree, call, running, errorOf } = drive()
  call('a')
  running('a')
  const effects = tree.apply({ type: 'close', reason: { code: 'TASK_CANCELLED', message: 'over' } }, 0)
  expect(effects.map(word)).toContain('cancel-worker a')
  expect(call('late')).toEqual(['settle late cancelled', 'removed late'])
  expect(errorOf('late')?.message).toBe('late was cancelled: over')
  expect(call('tidies', 'a', { shield: true })).toContain('start tidies')
})

test('a run that waits for a named limit takes no place', () => {
  const { tree, call } = drive({ width: 1 })
  call('a')
  expect(tree.apply({ type: 'waits', run: 'a', isWaiting: true }, 0)).toEqual([])
  expect(call('b')).toContain('start b')
  expect(call('c')).not.toContain('start c')
})

test('below too many levels a call fails and names the option', () => {
  const { call, tree } = drive({ ceilings: { depth: 2 } })
  call('a')
  call('b', 'a')
  expect(call('c', 'b')).toContain('settle c failed')
  expect(tree.runs.has('c')).toBe(false)
})

test('a call beyond the ceiling of runs that have not ended fails, and another passes once one has', () => {
  const { call, tree, cancel } = drive({ width: 1, ceilings: { unfinished: 2 } })
  call('a')
  call('b')
  expect(call('c')).toContain('settle c failed')
  cancel('b')
  call('d')
  expect([...tree.runs.keys()]).toEqual(['a', 'd'])
})

test('one caller leaves a tenth of that ceiling to others, and what it is refused is no run', () => {
  const { call, tree, errorOf } = drive({ ceilings: { unfinished: 20, runs: 20 } })
  call('floods')
  for (let n = 0; n < 100; n++) call(`flood-${n}`, 'floods')
  expect(tree.runs.get('floods')?.unfinished).toBe(18)
  expect(errorOf('flood-18')).toMatchObject({ code: 'LIMIT_EXCEEDED', message: expect.stringContaining('18 runs have not ended') })
  call('other')
  expect(tree.runs.get('other')?.status).toBe('waiting')
})

test('at the ceiling of workers a call waits while one of them can end, and fails when all of them wait for calls', () => {
  const { call, running, ended } = drive({ width: 8, ceilings: { alive: 2 } })
  call('a')
  call('b')
  expect(call('c')).not.toContain('start c')
  expect(call('d', 'a')).not.toContain('start d')
  running('b')
  expect(ended('b')).toContain('start d')
  expect(call('e', 'd')).toContain('settle e failed')
})
