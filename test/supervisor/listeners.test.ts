/** Who hears of an event may act on it at once. */
import { expect, test } from 'vitest'
import { external } from '../../src/core/external.ts'
import { task } from '../../src/core/task.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { Owner } from '../../src/supervisor/owner.ts'
import { openRig, over } from './rig.ts'

const called = external<{}, string>('tests:child')
const child = task(async () => 'came')

/** Real time, and the timers that have neither fired nor been stopped. */
function counted(): { readonly clock: Clock; readonly timers: Set<object> } {
  const timers = new Set<object>()
  const after: Clock['after'] = (ms, then) => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      then()
    }, ms)
    timers.add(timer)
    return () => {
      timers.delete(timer)
      clearTimeout(timer)
    }
  }
  return { clock: { now: () => Date.now(), after }, timers }
}

test.each([
  ['created', 1],
  ['created', 0],
  ['waiting', 0],
  ['starting', 1],
  ['running', 1],
  ['cancelling', 1],
])('a run that is cancelled by who hears that it is "%s" leaves nothing behind (places: %i)', async (when, width) => {
  const { clock, timers } = counted()
  await using rig = openRig({ child }, { clock, width })
  const { calls } = rig.supervisor.attach('host', {} as Owner)
  rig.supervisor.subscribe(({ type, run }) => {
    if (type === when) calls.cancel(run, over, false)
  })
  const run = rig.script(() => called({}, { startTimeout: '1h', timeout: '1h', grace: '1s' }))
  if (when === 'cancelling') void run.cancel()
  await expect(run).rejects.toMatchObject({ code: 'TASK_CANCELLED' })
  await expect.poll(() => rig.supervisor.size).toBe(0)
  expect(timers.size).toBe(0)
})
