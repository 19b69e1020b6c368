import { expect, test } from 'vitest'
import type { RunOptions } from '../../src/core/options.ts'
import { grantHost } from '../../src/supervisor/grant-host.ts'

const container = { id: 'outer-1', engine: 'docker', options: { volumes: { '/mine': { bind: '/srv/mine', readOnly: true } } } }
const home = (bind: string, readOnly = false): RunOptions => ({ volumes: { '/home': { bind, readOnly } } })
const defined =
  (options: RunOptions = {}) =>
  async (): Promise<RunOptions> =>
    options
const unasked = (): Promise<RunOptions> => Promise.reject(new Error('nobody had to ask'))

test('a client, and a run in a process, see the host anyway', async () => {
  const options = { engine: 'process', ...home('/') }
  expect(await grantHost('inner', options, undefined, unasked)).toBe(options)
  expect(await grantHost('inner', options, { ...container, engine: 'process' }, unasked)).toBe(options)
})

test('a call that wants nothing of the host is not looked at', async () => {
  const options: RunOptions = { engine: 'kubernetes', volumes: { '/data': { volume: 'data', readOnly: false }, '/tmp': { tmpfsBytes: 1 } } }
  expect(await grantHost('inner', options, container, unasked)).toBe(options)
})

test('engine process is for tasks whose definition says so', async () => {
  const options = { engine: 'process' }
  expect(await grantHost('inner', options, container, defined({ engine: 'process' }))).toBe(options)
  await expect(grantHost('inner', options, container, defined({ engine: 'docker' }))).rejects.toThrow(
    `its caller outer-1 is on engine docker, where a call alone cannot name engine "process", which is the host. Write engine: 'process' into the definition of inner.`,
  )
})

test('a folder is the one that the definition says, however the call spells it', async () => {
  const options = { ...home('/cowait/src/data'), tags: { a: 'b' } }
  expect(await grantHost('inner', options, container, defined(home('/home/me/data', true)))).toEqual({
    ...home('/home/me/data', true),
    tags: { a: 'b' },
  })
  const onlyMemory = defined({ volumes: { '/home': { tmpfsBytes: 1 } } })
  for (const definition of [defined(), onlyMemory])
    await expect(grantHost('inner', options, container, definition)).rejects.toThrow(
      'cannot name a folder of the host, "/cowait/src/data" for /home. Write the volume into the definition of inner, or into the config.',
    )
})

test('a folder that the caller has itself is passed on, with no more rights', async () => {
  const mine = (readOnly: boolean): RunOptions => ({ volumes: { '/mine': { bind: '/srv/mine', readOnly } } })
  expect(await grantHost('inner', mine(true), container, defined())).toEqual(mine(true))
  await expect(grantHost('inner', mine(false), container, defined())).rejects.toThrow('"/srv/mine" for /mine')
})
