/** Calls that take their time to arrive: their task is described, their input is read. */
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { delay } from '../../src/core/delay.ts'
import { external } from '../../src/core/external.ts'
import { task } from '../../src/core/task.ts'
import { held, openRig, over } from './rig.ts'

const child = task(async () => 'came')
const root = external<typeof child>('tests:root')
const called = external<typeof child>('tests:child')
const aid = { id: 'child' }

/** Long enough for a call to begin, were there one. */
async function turns(): Promise<void> {
  for (let n = 0; n < 50; n++) await setImmediate()
}

function rigWith(parent: typeof child) {
  const description = held({})
  const describe = ({ export: name }: { export: string }): Promise<object> =>
    name === 'child' ? description.answer() : Promise.resolve({})
  return { ...openRig({ root: parent, child }, { describe }), description }
}

test('a call whose caller dies before it has arrived becomes no run, and holds up nobody', async () => {
  await using rig = rigWith(task(async () => await called({}, aid)))
  const run = rig.script(() => root())
  await rig.description.asked
  await run.kill()
  rig.description.release()
  await turns()
  expect(rig.created()).toEqual([run.id])
  expect(rig.supervisor.size).toBe(0)
})

test('a call of an attempt that was lost is none of the next one', async () => {
  let attempts = 0
  const parent = task(async () => {
    if (++attempts === 1) await called({}, aid)
    await delay('1h')
    return ''
  })
  await using rig = rigWith(parent)
  const run = rig.script(() => root({}, { retry: { attempts: 2, delay: 0 } }))
  await rig.description.asked
  rig.worker(run.id).end({ how: 'killed', signal: 'SIGKILL' })
  await expect.poll(() => [run.attempt, run.status]).toEqual([2, 'running'])
  rig.description.release()
  await turns()
  expect(rig.created()).toEqual([run.id])
  await run.kill()
})

test('a client that leaves takes the calls with it that have not arrived', async () => {
  await using rig = rigWith(child)
  const run = rig.script(() => called())
  await rig.description.asked
  await rig.client.close()
  await expect(run).rejects.toMatchObject({ code: 'TASK_LOST' })
  rig.description.release()
  await turns()
  expect(rig.created()).toEqual([])
})

test('a supervisor that closes waits for no call that has not arrived, and takes no other', async () => {
  await using rig = rigWith(child)
  const run = rig.script(() => called())
  await rig.description.asked
  await rig.supervisor.close(over)
  await expect(run).rejects.toMatchObject({ code: 'TASK_CANCELLED', message: expect.stringContaining('the test is over') })
  await expect(rig.script(() => called())).rejects.toMatchObject({ code: 'TASK_CANCELLED' })
  rig.description.release()
  await turns()
  expect(rig.created()).toEqual([])
})

test('a call that has not arrived is cancelled by its caller, and by no other run', async () => {
  const description = held({})
  const caller = task(async () => await called({}, aid))
  const stranger = task(async () => {
    const run = called({}, aid)
    await run.cancel()
    return String(await run.settled().then((settled) => !settled.ok && settled.error))
  })
  const describe = ({ export: name }: { export: string }): Promise<object> =>
    name === 'child' ? description.answer() : Promise.resolve({})
  await using rig = openRig({ caller, stranger, child }, { describe })
  const run = rig.script(() => external<typeof child>('tests:caller')())
  await description.asked
  expect(await rig.script(() => external<typeof child>('tests:stranger')())).toContain('child was not started')
  description.release()
  expect(await run).toBe('came')
})

test('a cancel that overtakes its call holds', async () => {
  await using rig = rigWith(child)
  const run = rig.script(() => called())
  await rig.description.asked
  const gone = run.cancel('enough')
  await turns()
  rig.description.release()
  await gone
  await expect(run).rejects.toMatchObject({ code: 'TASK_CANCELLED', message: expect.stringContaining('enough') })
})
