import { expect, test } from 'vitest'
import type { RunEvent } from '../../src/core/events.ts'
import { encodeHeader } from '../../src/protocol/frames.ts'
import type { Down } from '../../src/protocol/messages.ts'
import { EventLog } from '../../src/supervisor/event-log.ts'
import type { RunRecord } from '../../src/supervisor/tree-messages.ts'
import { uncaught } from './uncaught.ts'

const run = { id: 'a' } as RunRecord

test('what is told fits in a frame, whatever an engine or an error says', () => {
  const log = new EventLog(() => 0)
  const heard: RunEvent[] = []
  log.subscribe((event) => void heard.push(event))
  const text = '\u0000'.repeat(5_000_000)
  const error = { code: 'ENGINE', name: text, message: text, stack: text, exit: { how: 'lost', detail: text }, lastLines: [text] } as const
  log.emit(run, { type: 'starting', attempt: 1, worker: 'w', phase: { phase: 'pulling', detail: text } })
  log.emit(run, { type: 'retrying', attempt: 1, error, delayMs: 0 })
  log.emit(run, { type: 'cancelling', reason: text, graceMs: 0 })
  log.emit(run, { type: 'notice', text })
  log.emit(run, { type: 'settled', status: 'failed', attempt: 1, error })
  for (const event of heard) expect(() => encodeHeader({ type: 'event', event } as Down)).not.toThrow()
  expect(heard.length).toBe(5)
})

test('a listener that throws stops nobody else, is told of once and hears nothing more', async () => {
  const log = new EventLog(() => 0)
  const heard: string[] = []
  log.subscribe(({ seq }) => void heard.push(`first ${seq}`))
  log.subscribe(({ seq }) => {
    heard.push(`bad ${seq}`)
    throw new Error('Bug: of a view')
  })
  log.subscribe(({ seq }) => void heard.push(`last ${seq}`))
  const bugs = await uncaught(() => {
    for (let n = 0; n < 2; n++) log.emit(run, { type: 'notice', text: 'x' })
  })
  expect(heard).toEqual(['first 0', 'bad 0', 'last 0', 'first 1', 'last 1'])
  expect(bugs).toEqual([new Error('Bug: of a view')])
})
