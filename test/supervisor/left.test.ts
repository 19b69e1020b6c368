/** Nothing is kept of a run that is gone. */
import { expect, test } from 'vitest'
import { external } from '../../src/core/external.ts'
import { task } from '../../src/core/task.ts'
import type { Owner } from '../../src/supervisor/owner.ts'
import type { RunRecord } from '../../src/supervisor/tree-messages.ts'
import { openRig } from './rig.ts'

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
