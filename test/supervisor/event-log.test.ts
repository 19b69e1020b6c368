import { expect, test } from 'vitest'
import { EventLog } from '../../src/supervisor/event-log.ts'
import type { RunRecord } from '../../src/supervisor/tree-messages.ts'
import { uncaught } from './uncaught.ts'

const run = { id: 'a' } as RunRecord

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
