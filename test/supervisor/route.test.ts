import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ITEM_WINDOW, MAX_OPEN_CALLS } from '../../src/core/line.ts'
import type { RunEvent } from '../../src/core/events.ts'
import { encode } from '../../src/core/values/encode.ts'
import type { CallerIdentity } from '../../src/supervisor/caller-identity.ts'
import { CallerFrames } from '../../src/supervisor/caller-frames.ts'
import type { Calls } from '../../src/supervisor/calls.ts'
import type { Owner } from '../../src/supervisor/owner.ts'
import { Route, type LineEnd } from '../../src/supervisor/route.ts'
import { Spool, StoredValue } from '../../src/supervisor/spool.ts'
import type { RunRecord } from '../../src/supervisor/tree-messages.ts'
import { Watches } from '../../src/supervisor/watches.ts'
import type { LineFrame } from '../../src/protocol/messages.ts'
import type { IncomingValue } from '../../src/protocol/values.ts'

const encoded = encode([1])
const header = { format: encoded.format, text: encoded.textBytes, size: encoded.data.length }

function value(): IncomingValue {
  return {
    header,
    read: async () => encoded,
    readInto: async (sink) => {
      try {
        await sink.write(encoded.data)
        return await sink.end()
      } catch (error) {
        await sink.abort(error as Error)
        throw error
      }
    },
  }
}

function record(id: string, parent: string | null, more: Partial<RunRecord> = {}): RunRecord {
  return {
    id,
    parent,
    client: 'client',
    callerAttempt: parent === null ? 0 : 1,
    task: { module: 'm', export: 't' },
    name: id,
    engine: 'process',
    options: {},
    shield: false,
    handlers: ['limit'],
    decides: false,
    key: id,
    input: StoredValue.of(encoded),
    root: id,
    depth: 0,
    createdAt: 0,
    status: 'running',
    phase: 'running',
    attempt: 1,
    children: new Set(),
    unfinished: 0,
    waits: false,
    counted: false,
    worker: 'live',
    ...more,
  }
}

let directory: string
let spool: Spool
let parent: RunRecord
let child: RunRecord
let other: RunRecord
let runs: Map<string, RunRecord>
let sent: { end: LineEnd; run: string; frame: LineFrame }[]
let failed: { run: string; message: string }[]
let route: Route

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cowait-route-'))
  spool = new Spool(directory)
  parent = record('parent', null, { children: new Set(['child']) })
  child = record('child', 'parent')
  other = record('other', null)
  runs = new Map([parent, child, other].map((run) => [run.id, run]))
  sent = []
  failed = []
  route = routeOver(spool)
})

function routeOver(kept: Spool): Route {
  return new Route({
    spool: kept,
    runs,
    hasCaller: (run) => run.parent !== null && runs.get(run.parent)?.phase === 'running',
    deliver: (end, run, frame, stored) => {
      void stored?.release()
      sent.push({ end, run: run.id, frame })
    },
    fail: (run, { message }) => failed.push({ run: run.id, message }),
  })
}

afterEach(async () => {
  expect(spool.memoryBytes).toBe(0)
  await spool.close()
  rmSync(directory, { recursive: true, force: true })
})

const rpc = (call: number, method = 'limit'): LineFrame => ({ type: 'rpc', run: 'child', call, method, value: header })
const items = (count: number, call = 0): LineFrame => ({ type: 'items', run: 'child', call, count, value: header })

describe('the route between a run and its caller', () => {
  test('passes a call and its answer, each once', async () => {
    route.pass('caller', child, rpc(1, 'add'), value())
    await route.idle(child)
    const result: LineFrame = { type: 'rpc-result', run: 'child', call: 1, status: 'done', value: header }
    route.pass('run', child, result, value())
    route.pass('run', child, result, value())
    await expect.poll(() => sent.map(({ end, frame }) => `${frame.type} to ${end}`)).toEqual(['rpc to run', 'rpc-result to caller'])
  })

  test('a second call of one number is a fault', () => {
    route.pass('run', child, rpc(1), undefined)
    expect(() => route.pass('run', child, rpc(1), undefined)).toThrow(/made twice/)
  })

  test('more items than are wanted are a fault', () => {
    route.pass('run', child, items(ITEM_WINDOW), undefined)
    expect(() => route.pass('run', child, items(1), undefined)).toThrow('Stream 0 of run child sent 1 items more than were wanted.')
    expect(child.hasYielded).toBe(true)
  })

  test('only the caller gives credit for what a run yields', () => {
    route.pass('run', child, { type: 'want', run: 'child', call: 0, items: 1_000 }, undefined)
    expect(() => route.pass('run', child, items(ITEM_WINDOW + 1), undefined)).toThrow(/were wanted/)
    route.pass('caller', other, { type: 'want', run: 'other', call: 0, items: 1_000 }, undefined)
    route.pass('run', other, { ...items(ITEM_WINDOW + 1), run: 'other' }, undefined)
  })

  test('answers, items and credit for calls that nobody made are dropped', () => {
    route.pass('caller', child, { type: 'rpc-result', run: 'child', call: 7, status: 'done', value: header }, undefined)
    route.pass('caller', child, items(1, 7), undefined)
    route.pass('caller', child, { type: 'want', run: 'child', call: 7, items: 1 }, undefined)
    expect(sent).toEqual([])
  })

  test('a method that the caller did not offer, a caller that has ended, and too many calls are answered at once', () => {
    const codes = (): unknown[] => sent.splice(0).map(({ end, frame }) => [end, frame.type === 'rpc-result' && frame.error?.code])
    route.pass('run', child, rpc(1, 'constructor'), undefined)
    expect(codes()).toEqual([['run', 'NO_HANDLER']])
    for (let call = 2; call < MAX_OPEN_CALLS + 2; call++) route.pass('run', child, rpc(call), undefined)
    sent.splice(0)
    route.pass('run', child, rpc(9_999), undefined)
    expect(codes()).toEqual([['run', 'LIMIT_EXCEEDED']])
    route.ended(parent)
    expect(new Set(codes().map(String))).toEqual(new Set(['run,RPC_CLOSED']))
    parent.phase = 'closing'
    route.pass('run', child, rpc(10_000), undefined)
    expect(codes()).toEqual([['run', 'RPC_CLOSED']])
  })

  test('what was said to an attempt that has ended meanwhile does not go to the next one', async () => {
    route.pass('caller', child, rpc(1, 'charge'), value())
    route.ended(child)
    route.pass('caller', child, rpc(2, 'charge'), value())
    await expect.poll(() => sent.map(({ frame }) => frame.call)).toEqual([2])
  })

  test('what is said to a run whose function does not run is dropped', () => {
    child.phase = 'pausing'
    route.pass('caller', child, rpc(1, 'add'), undefined)
    expect(sent).toEqual([])
  })
})

describe('a value that cannot be kept', () => {
  const result = (call: number): LineFrame => ({ type: 'rpc-result', run: 'child', call, status: 'done', value: header })
  const told = (): unknown[] =>
    sent.map(({ end, frame }) => [end, frame.type, frame.type === 'rpc-result' && (frame.error?.message ?? frame.status)])
  const why = 'cannot be kept in'

  beforeEach(() => {
    route = routeOver(new Spool(join(directory, 'missing'), { maxMemoryBytes: 0 }))
  })

  test('fails the call that it was for, of the run and of its caller', async () => {
    route.pass('caller', child, rpc(1, 'add'), value())
    route.pass('run', child, rpc(1), value())
    await expect.poll(() => sent.length).toBe(2)
    // The two ends wait for files of their own.
    expect(told()).toEqual(
      expect.arrayContaining([
        ['caller', 'rpc-result', expect.stringMatching(`the arguments of add.. got lost: A value of 3 bytes ${why}`)],
        ['run', 'rpc-result', expect.stringMatching(`the arguments of limit.. got lost: A value of 3 bytes ${why}`)],
      ]),
    )
    // Neither is taken for a call that waits.
    expect(() => route.pass('run', child, rpc(1), undefined)).not.toThrow()
  })

  test('fails the call that it answers, with the error of the method if that was it', async () => {
    route.pass('caller', child, rpc(1, 'add'), undefined)
    route.pass('caller', child, rpc(2, 'add'), undefined)
    sent.splice(0)
    route.pass('run', child, result(1), value())
    const error = { code: 'TASK_FAILED', name: 'Error', message: 'its own' } as const
    route.pass('run', child, { type: 'rpc-result', run: 'child', call: 2, status: 'failed', error, value: header }, value())
    await route.idle(child)
    expect(told()).toEqual([
      ['caller', 'rpc-result', expect.stringContaining(`the result got lost: A value of 3 bytes ${why}`)],
      ['caller', 'rpc-result', 'its own'],
    ])
  })

  test('ends the stream of a method at both ends, and nothing comes after it', async () => {
    route.pass('caller', child, rpc(1, 'count'), undefined)
    route.pass('caller', child, { type: 'want', run: 'child', call: 1, items: 10 }, undefined)
    sent.splice(0)
    route.pass('run', child, items(1, 1), value())
    route.pass('run', child, items(1, 1), undefined)
    route.pass('run', child, result(1), undefined)
    await route.idle(child)
    route.pass('run', child, items(1, 1), undefined)
    expect(told()).toEqual([
      ['caller', 'rpc-result', expect.stringContaining(`items of the stream got lost: A value of 3 bytes ${why}`)],
      ['run', 'leave', false],
    ])
    expect(failed).toEqual([])
  })

  test('fails the run that yielded it, and its reader gets nothing more', async () => {
    route.pass('run', child, items(1), value())
    route.pass('run', child, items(1), undefined)
    await route.idle(child)
    route.pass('run', child, items(1), undefined)
    expect(sent).toEqual([])
    expect(failed).toEqual([
      { run: 'child', message: expect.stringContaining('child was stopped: items that it yielded got lost: A value of 3 bytes') },
    ])
  })

  test('of an attempt that has ended is told to nobody', async () => {
    route.pass('run', child, rpc(1), value())
    const idle = route.idle(child)
    route.ended(child)
    await idle
    expect(sent).toEqual([])
  })
})

describe('a caller', () => {
  const frames = (): CallerFrames =>
    new CallerFrames({
      calls: { isArriving: () => false, isRefused: () => false } as unknown as Calls,
      route,
      watches: new Watches(runs),
      runs,
      apply: () => undefined,
    })
  const owner = { tell: () => undefined } as unknown as Owner
  const stranger = { client: 'client', parent: 'other', callerAttempt: 1 }

  test.each<LineFrame | { type: 'watch' } | { type: 'retry'; attempt: 1; again: true }>([
    { ...rpc(1), child: 'child' },
    { ...items(1), child: 'child' },
    { type: 'watch' },
    { type: 'retry', attempt: 1, again: true },
  ])('speaks of its own runs only: $type', (frame) => {
    const message = { run: 'other', child: 'child', ...frame } as Parameters<CallerFrames['accept']>[2]
    expect(() => frames().accept(stranger, owner, message, undefined)).toThrow('other spoke of run child, which it has not called.')
    expect(() => frames().accept({ client: 'client', parent: 'parent', callerAttempt: 1 }, owner, message, undefined)).not.toThrow()
  })

  test('hears of its own runs only, also when it asked before they began', () => {
    const watches = new Watches(runs)
    const heard: string[] = []
    const watch = (identity: CallerIdentity, tree: boolean): void =>
      watches.add({ identity, child: 'late', tree, tell: (event) => heard.push(`${identity.parent} ${event.run}`) }, true)
    watch(stranger, true)
    watch({ client: 'client', parent: 'parent', callerAttempt: 1 }, true)
    runs.set('late', record('late', 'parent'))
    runs.set('below', record('below', 'late'))
    watches.receive({ type: 'created', run: 'late', seq: 0, at: 0 } as RunEvent)
    heard.length = 0
    for (const run of ['late', 'below', 'child']) watches.receive({ type: 'notice', text: 'x', run, seq: 0, at: 0 })
    expect(heard).toEqual(['parent late', 'parent below'])
  })
})
