import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ITEM_WINDOW, MAX_OPEN_CALLS } from '../../src/core/line.ts'
import { encode } from '../../src/core/values/encode.ts'
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
      await sink.write(encoded.data)
      return await sink.end()
    },
  }
}

function record(id: string, parent: string | null, more: Partial<RunRecord> = {}): RunRecord {
  return {
    id,
    parent,
    client: 'client',
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
let route: Route

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cowait-route-'))
  spool = new Spool(directory)
  parent = record('parent', null, { children: new Set(['child']) })
  child = record('child', 'parent')
  other = record('other', null)
  runs = new Map([parent, child, other].map((run) => [run.id, run]))
  sent = []
  route = new Route({
    spool,
    runs,
    hasCaller: (run) => run.parent !== null && runs.get(run.parent)?.phase === 'running',
    deliver: (end, run, frame, stored) => {
      void stored?.release()
      sent.push({ end, run: run.id, frame })
    },
  })
})

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

  test('what is said to a run whose function does not run is dropped', () => {
    child.phase = 'pausing'
    route.pass('caller', child, rpc(1, 'add'), undefined)
    expect(sent).toEqual([])
  })
})

describe('a caller', () => {
  const frames = (): CallerFrames =>
    new CallerFrames({
      calls: { isArriving: () => false } as unknown as Calls,
      route,
      watches: new Watches(runs),
      runs,
      apply: () => undefined,
    })
  const owner = { tell: () => undefined } as unknown as Owner
  const stranger = { client: 'client', parent: 'other' }

  test.each<LineFrame | { type: 'watch' } | { type: 'retry'; attempt: 1; again: true }>([
    { ...rpc(1), child: 'child' },
    { ...items(1), child: 'child' },
    { type: 'watch' },
    { type: 'retry', attempt: 1, again: true },
  ])('speaks of its own runs only: $type', (frame) => {
    const message = { run: 'other', child: 'child', ...frame } as Parameters<CallerFrames['accept']>[2]
    expect(() => frames().accept(stranger, owner, message, undefined)).toThrow('other spoke of run child, which it has not called.')
    expect(() => frames().accept({ client: 'client', parent: 'parent' }, owner, message, undefined)).not.toThrow()
  })

  test('hears of its own runs only, also when it asked before they began', () => {
    const watches = new Watches(runs)
    const heard: string[] = []
    const watch = (identity: { client: string; parent: string | null }, tree: boolean): void =>
      watches.add({ identity, child: 'late', tree, tell: (event) => heard.push(`${identity.parent} ${event.run}`) }, true)
    watch(stranger, true)
    watch({ client: 'client', parent: 'parent' }, true)
    runs.set('late', record('late', 'parent'))
    runs.set('below', record('below', 'late'))
    for (const run of ['late', 'below', 'child']) watches.receive({ type: 'notice', text: 'x', run, seq: 0, at: 0 })
    expect(heard).toEqual(['parent late', 'parent below'])
  })
})
