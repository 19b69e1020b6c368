/** Nothing is kept of a run that is gone. */
import { afterEach, expect, test, vi } from 'vitest'
import type { Clock } from '../../src/core/clock.ts'
import { external } from '../../src/core/external.ts'
import { limit } from '../../src/core/limit.ts'
import { shield } from '../../src/core/shield.ts'
import { task } from '../../src/core/task.ts'
import { Limits } from '../../src/supervisor/limits.ts'
import type { Owner } from '../../src/supervisor/owner.ts'
import type { RunRecord } from '../../src/supervisor/tree-messages.ts'
import { openRig } from './rig.ts'

afterEach(() => void vi.restoreAllMocks())

const child = task(async () => 'came')
const called = external<{}, string>('tests:child')

test('the line of a run that its caller spoke to before it started goes with it', async () => {
  await using rig = openRig({ child }, { width: 0 })
  const { route } = rig.supervisor.attach('host', {} as Owner)
  const run = rig.script(() => called({}, { id: 'child' }))
  await expect.poll(() => rig.supervisor.size).toBe(1)
  route.pass('caller', { id: 'child', children: new Set() } as unknown as RunRecord, { type: 'leave', run: 'child', call: 0 }, undefined)
  expect(route.size).toBe(1)
  await run.cancel()
  expect(route.size).toBe(0)
})

test('the limits of a client that has left serve what goes on of its runs, and go with the last of them', async () => {
  const told: string[] = []
  const timers = new Map<object, { readonly at: number; readonly fire: () => void }>()
  let now = 0
  const after: Clock['after'] = (ms, fire) => {
    const timer = {}
    timers.set(timer, { at: now + ms, fire })
    return () => void timers.delete(timer)
  }
  const goesOn = task(async () => {
    const paced = limit('paced', { perSecond: 2 })
    await shield(async () => {
      for (const place of ['one', 'two', 'three']) {
        await paced.acquire()
        told.push(place)
      }
    })
  })
  const forget = vi.spyOn(Limits.prototype, 'forget')
  await using rig = openRig({ child: goesOn }, { clock: { now: () => now, after } })
  rig.script(() => called()).catch(() => undefined)
  await expect.poll(() => timers.size).toBe(1)
  await rig.client.close()
  await expect.poll(() => rig.events.map(({ type }) => type)).toContain('cancelling')
  now = 1_000
  for (const { at, fire } of timers.values()) if (at <= now) fire()
  await expect.poll(() => rig.supervisor.size).toBe(0)
  expect(told).toEqual(['one', 'two', 'three'])
  expect(forget).toHaveBeenCalledOnce()
})
