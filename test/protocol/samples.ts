/** A full example of every message: each optional field is set in one of them. */
import type { ErrorSummary, EventType, RunEvent, TaskRef } from '../../src/core/events.ts'
import type { Both, Down, LineFrame, RunListing, Up, ValueHeader } from '../../src/protocol/messages.ts'

const task: TaskRef = { module: 'jobs/math', export: 'square', ordinal: 2 }
const inline: ValueHeader = { format: 'json', text: 2, size: 2 }
const streamed: ValueHeader = { format: 'tagged', text: 10, size: 300_000, stream: 4 }
const reason = { code: 'TASK_CANCELLED', message: 'changed my mind' } as const
const error: ErrorSummary = {
  code: 'TASK_LOST',
  name: 'TaskLostError',
  message: 'killed',
  stack: 'TaskLostError: killed\n    at x',
  path: [{ id: 'square-1', task: 'jobs/math:square', at: 'at main (main.ts:3:1)' }],
  exit: { how: 'killed', code: 137, signal: 'SIGKILL', detail: 'by hand' },
  causes: [
    { name: 'Error', message: 'behind', stack: '    at main (main.ts:1:2)' },
    { name: '', message: '"text"' },
  ],
  lastLines: ['one', 'two'],
}
const listing: RunListing = {
  id: 'a',
  parent: null,
  name: 'a',
  task,
  status: 'running',
  engine: 'process',
  attempt: 1,
  createdAt: 1.5,
  startedAt: 2,
}
const base = { run: 'a', seq: 0, at: 1_700_000_000_000.5 }

export const events: { readonly [T in EventType]: Extract<RunEvent, { type: T }> } = {
  created: {
    ...base,
    type: 'created',
    parent: 'b',
    name: 'a',
    task,
    engine: 'process',
    key: 'k',
    tags: { team: 'x' },
    input: { format: 'json', text: '{}' },
  },
  waiting: { ...base, type: 'waiting', attempt: 1, reason: 'for room' },
  starting: { ...base, type: 'starting', attempt: 1, worker: 'w', phase: { phase: 'pulling', detail: 'node:24-slim', fraction: 0.4 } },
  running: { ...base, type: 'running', attempt: 1 },
  log: { ...base, type: 'log', attempt: 1, level: 'warn', stream: 'log', text: 'hm\u0000', fields: { n: [1, { a: null }] }, more: true },
  dropped: { ...base, type: 'dropped', lines: 3 },
  progress: { ...base, type: 'progress', value: 0.5, total: 2, message: 'half' },
  retrying: { ...base, type: 'retrying', attempt: 2, error, delayMs: 1000 },
  cancelling: { ...base, type: 'cancelling', reason: 'Ctrl-C', graceMs: 5000 },
  notice: { ...base, type: 'notice', text: 'no limits here' },
  settled: { ...base, type: 'settled', status: 'failed', attempt: 1, output: { bytes: 70_000 }, error },
  removed: { ...base, type: 'removed' },
}

export const both: readonly (Both | LineFrame)[] = [
  { type: 'chunk', run: 'a', stream: 1, end: false },
  { type: 'chunk', run: 'a', stream: 1, end: true, error: 'cancelled' },
  { type: 'credit', run: 'a', stream: 1, bytes: 262_144 },
  { type: 'stop', run: 'a', stream: 1 },
  { type: 'rpc', run: 'a', child: 'b', call: 1, method: 'add', value: inline },
  { type: 'rpc-stream', run: 'a', child: 'b', call: 1 },
  { type: 'rpc-result', run: 'a', child: 'b', call: 1, status: 'failed', error, value: streamed },
  { type: 'items', run: 'a', child: 'b', call: 0, count: 3, value: inline },
  { type: 'want', run: 'a', child: 'b', call: 0, items: 32 },
  { type: 'leave', run: 'a', child: 'b', call: 1 },
]

export const up: readonly Up[] = [
  { type: 'hello', protocol: 1, role: 'worker', runtime: { name: 'node', version: '24.0.0' } },
  { type: 'running', run: 'a' },
  {
    type: 'call',
    run: 'a',
    child: 'b',
    task,
    options: { name: 'b', env: { A: '1' }, timeoutMs: 5, orphans: 'wait' },
    shield: true,
    handlers: ['limit'],
    external: true,
    input: streamed,
  },
  { type: 'cancel', run: 'a', child: 'b', reason, kill: true },
  { type: 'acquire', run: 'a', request: 3, name: 'api', concurrency: 2, perSecond: 10 },
  { type: 'release', run: 'a', request: 3 },
  { type: 'retry', run: 'a', child: 'b', attempt: 1, again: true },
  { type: 'watch', run: 'a', child: 'b', tree: true },
  { type: 'progress', run: 'a', value: 1, total: 2, message: 'half' },
  { type: 'done', run: 'a', value: inline },
  { type: 'fail', run: 'a', error, retryable: false, value: inline },
  { type: 'acquire', run: 'a', request: 1, name: 'api', concurrency: 5, perSecond: 0.5 },
  { type: 'release', run: 'a', request: 1 },
  { type: 'pong' },
  { type: 'follow', run: 'a' },
  { type: 'follow' },
  { type: 'list', request: 1 },
  { type: 'end', reason: { code: 'TASK_TIMEOUT', message: 'late' } },
]

export const down: readonly Down[] = [
  { type: 'welcome', protocol: 1, worker: 'w', leaseMs: 0 },
  {
    type: 'run',
    run: 'a',
    key: 'k',
    attempt: 1,
    task,
    name: 'a',
    code: { path: '/c', cwd: '/c/p', hash: 'h' },
    env: { PATH: '/bin', __proto__: 'x' },
    flush: 'token',
    handlers: ['limit'],
    decides: true,
    orphans: 'wait',
    input: inline,
  },
  { type: 'cancel', run: 'a', reason, graceMs: 5000 },
  { type: 'status', run: 'a', child: 'b', status: 'starting', attempt: 1 },
  { type: 'settled', run: 'a', child: 'b', status: 'failed', attempt: 1, error, value: streamed },
  { type: 'may-retry', run: 'a', child: 'b', attempt: 1, error, value: inline },
  { type: 'watched', run: 'a', child: 'b' },
  { type: 'event', child: 'b', event: events.running },
  { type: 'accepted', run: 'a' },
  { type: 'granted', run: 'a', request: 3 },
  { type: 'granted', run: 'a', request: 1 },
  { type: 'ping' },
  { type: 'runs', request: 1, runs: [listing], more: true },
  { type: 'refused', request: 1, code: 'USAGE', message: 'no' },
  ...Object.values(events).map((event): Down => ({ type: 'event', event })),
]
