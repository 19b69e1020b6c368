import { expect, test } from 'vitest'
import type { RunOptions } from '../../src/core/options.ts'
import { checkHostAccess } from '../../src/supervisor/host-access.ts'

const container = { id: 'outer-1', engine: 'docker', options: { volumes: { '/mine': { bind: '/srv/mine', readOnly: true } } } }
const home = (bind: string, readOnly = false): RunOptions => ({ volumes: { '/home': { bind, readOnly } } })
const unasked = (): Promise<RunOptions> => Promise.reject(new Error('nobody had to ask'))

/** From a container, of a task with that definition. */
const check = (options: RunOptions, definition: RunOptions | undefined = {}): Promise<void> =>
  checkHostAccess('inner', options, container, async () => definition)

test('a client, and a run in a process, see the host anyway', async () => {
  const options = { engine: 'process', ...home('/') }
  await checkHostAccess('inner', options, undefined, unasked)
  await checkHostAccess('inner', options, { ...container, engine: 'process' }, unasked)
})

test('a call that wants nothing more of the host is not looked at', async () => {
  const options: RunOptions = {
    engine: 'kubernetes',
    volumes: {
      '/data': { volume: 'data', readOnly: false },
      '/tmp': { tmpfsBytes: 1 },
      '/mine': { bind: '/srv/mine', readOnly: true },
    },
  }
  await checkHostAccess('inner', options, container, unasked)
})

test('engine process is for tasks whose definition says so', async () => {
  const options = { engine: 'process' }
  await check(options, { engine: 'process' })
  await expect(check(options, { engine: 'docker' })).rejects.toThrow(
    `its caller outer-1 is on engine docker, where a call alone cannot name engine "process", which is the host. Write engine: 'process' into the definition of inner.`,
  )
})

test('a folder is for tasks whose definition names it, with no more rights', async () => {
  await check(home('/home/me'), home('/home/me'))
  await check(home('/home/me', true), home('/home/me'))
  const onlyMemory = { volumes: { '/home': { tmpfsBytes: 1 } } }
  for (const definition of [{}, onlyMemory, home('/home/me', true)])
    await expect(check(home('/home/me'), definition)).rejects.toThrow(
      'cannot name a folder of the host, "/home/me" for /home. Write the volume into the definition of inner, or into the config.',
    )
  const mine = { volumes: { '/mine': { bind: '/srv/mine', readOnly: false } } }
  await expect(check(mine)).rejects.toThrow('"/srv/mine" for /mine')
})

test('a definition that means another folder on the host, or that the host cannot read, says so', async () => {
  await expect(check(home('/cowait/src/data'), home('/home/me/data'))).rejects.toThrow(
    'The host reads "/home/me/data" there: write it out in full.',
  )
  for (const options of [{ engine: 'process' }, home('/home/me')])
    await expect(checkHostAccess('inner', options, container, async () => undefined)).rejects.toThrow(
      'The host cannot read that: export the task',
    )
})
