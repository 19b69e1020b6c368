import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import type { RunEvent } from '../../src/core/events.ts'
import { Watches } from '../../src/supervisor/watches.ts'
import type { RunRecord } from '../../src/supervisor/tree-messages.ts'

function watched() {
  const runs = new Map<string, RunRecord>()
  const watches = new Watches(runs)
  const told: string[] = []
  const heard: RunEvent[] = []
  let seq = 0
  return {
    watches,
    told,
    heard,
    begin: (id: string, more: Partial<RunRecord> = {}) => runs.set(id, { id, parent: null, client: 'c', ...more } as RunRecord),
    watch: (child: string, expected = false, client = 'c') =>
      watches.add(
        {
          identity: { client, parent: null, callerAttempt: 0 },
          child,
          tree: false,
          tell: (event) => void (told.push(event.type), heard.push(event)),
        },
        expected,
      ),
    tell: (run: string, event: object) => watches.receive({ run, seq: seq++, at: 0, ...event } as RunEvent),
    forget: (id: string) => runs.delete(id),
  }
}

const line = { type: 'log', attempt: 1, level: 'info', stream: 'stdout', text: 'hello' }

test('a watched run tells its events until it is gone', () => {
  const { watches, told, begin, watch, tell } = watched()
  begin('a')
  watch('a')
  tell('a', line)
  tell('a', { type: 'settled', status: 'done', attempt: 1 })
  expect(told).toEqual(['log', 'settled'])
  expect(watches.size).toBe(0)
})

test('a run whose call is still on its way can be watched', () => {
  const { told, begin, watch, tell } = watched()
  watch('a', true)
  begin('a')
  tell('a', { type: 'created' })
  tell('a', line)
  expect(told).toEqual(['created', 'log'])
})

test('watches of runs that never were, or that ended in silence, are not kept', () => {
  const { watches, told, begin, watch, tell, forget } = watched()
  begin('quiet')
  tell('quiet', { type: 'settled', status: 'done', attempt: 1 })
  tell('quiet', { type: 'removed' })
  forget('quiet')
  for (const child of ['never', 'quiet']) watch(child)
  expect(told).toEqual([])
  expect(watches.size).toBe(0)
})

test('who asks late gets the latest lines of a run that has ended, and nobody but its caller', () => {
  const { watches, told, begin, watch, tell, forget } = watched()
  begin('a')
  tell('a', line)
  tell('a', { type: 'settled', status: 'done', attempt: 1 })
  forget('a')
  watch('a', false, 'somebody')
  expect(told).toEqual([])
  watch('a')
  expect(told).toEqual(['log'])
  expect(watches.size).toBe(0)
})

test.each([
  ['are large', (n: number) => ({ n, body: 'y'.repeat(10_000) })],
  ['hold much that is small', (n: number) => ({ n, ids: Array.from({ length: 200 }, () => ({})) })],
])('of lines whose fields %s only the latest are kept', (_what, fieldsOf) => {
  const { heard, begin, watch, tell } = watched()
  begin('a')
  for (let n = 0; n < 200; n++) tell('a', { ...line, fields: fieldsOf(n) })
  tell('a', { type: 'settled', status: 'done', attempt: 1 })
  watch('a')
  expect(heard.length).toBeGreaterThan(3)
  expect(heard.length).toBeLessThan(20)
  expect(heard.at(-1)).toEqual(expect.objectContaining({ ...line, fields: fieldsOf(199) }))
})

test('a line whose fields alone are more than is kept of a run is kept without them, and told with them', () => {
  const { heard, begin, watch, tell } = watched()
  begin('a')
  watch('a')
  tell('a', { ...line, text: 'before' })
  tell('a', { ...line, fields: { body: 'y'.repeat(100_000) } })
  watch('a')
  expect(heard.map((event) => event.type === 'log' && [event.text, Object.keys(event.fields ?? {})])).toEqual([
    ['before', []],
    ['hello', ['body']],
    ['before', []],
    ['hello', []],
  ])
})

test('a watch of a call whose id an earlier run still has tells nothing of that', () => {
  const { watches, told, begin, watch, tell, forget } = watched()
  begin('a')
  tell('a', line)
  tell('a', { type: 'settled', status: 'done', attempt: 1 })
  watch('a', true)
  tell('a', { type: 'removed' })
  forget('a')
  expect(told).toEqual([])
  begin('a')
  tell('a', { type: 'created' })
  tell('a', { type: 'settled', status: 'done', attempt: 1 })
  expect(told).toEqual(['created', 'settled'])
  expect(watches.size).toBe(0)
})

test('a watch of a call that never becomes a run ends with its caller', () => {
  const { watches, watch } = watched()
  watch('a', true)
  watches.drop({ client: 'c', parent: null, callerAttempt: 0 })
  expect(watches.size).toBe(0)
})

test('nothing of a run that has ended is kept but its latest lines: not its values', async () => {
  const { watches, begin, tell, forget } = watched()
  const gone = ((): WeakRef<object> => {
    const input = { large: true }
    begin('a', { input: input as never })
    tell('a', line)
    tell('a', { type: 'settled', status: 'done', attempt: 1 })
    tell('a', { type: 'removed' })
    forget('a')
    return new WeakRef(input)
  })()
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  await expect.poll(() => (collect(), gone.deref() === undefined)).toBe(true)
  expect(watches.size).toBe(0)
})
