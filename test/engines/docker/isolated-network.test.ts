import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createDockerEngine } from '../../../src/engines/docker/docker-engine.ts'
import { describeDocker, makeProject, Rig } from './rig.ts'
import { SecondDaemon } from './second-daemon.ts'

describeDocker('the network of the workers', () => {
  let daemon: SecondDaemon

  beforeAll(async () => {
    daemon = await SecondDaemon.start()
    daemon.loadImage()
  }, 120_000)

  afterAll(() => (daemon as SecondDaemon | undefined)?.[Symbol.asyncDispose]())

  const open = (): Promise<Rig> => Rig.open({ settings: { host: daemon.host } })

  const networks = async (): Promise<string[]> =>
    (await daemon.docker('network', 'ls', '-q', '--no-trunc', '--filter', 'name=cowait-isolated')).split('\n').filter(Boolean)

  const usedBy = async (rig: Rig): Promise<string[]> => {
    const containers = await daemon.docker('ps', '-q', '--filter', `label=cowait.owner=${rig.owner}`)
    const format = '{{range .NetworkSettings.Networks}}{{.NetworkID}}{{end}}'
    return [...new Set((await daemon.docker('inspect', '--format', format, ...containers.split('\n'))).split('\n'))]
  }

  /** As a supervisor does that did not see the other one's. Answers the status. */
  const makeAnother = async (name = 'cowait-isolated', labels = { 'cowait.network': 'isolated' }): Promise<number | undefined> => {
    const sent = request({
      socketPath: daemon.host.replace('unix://', ''),
      method: 'POST',
      path: '/v1.41/networks/create',
      headers: { 'content-type': 'application/json' },
    }).end(JSON.stringify({ Name: name, Driver: 'bridge', Labels: labels }))
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    response.resume()
    await once(response, 'end')
    return response.statusCode
  }

  it('goes with the last engine that uses it', async () => {
    const [first, second] = [await open(), await open()]
    await first.start()
    await second.start()
    await Promise.all([first.removeAll(), second.removeAll()])
    // As another supervisor does that closes, or sweeps, when nobody is in it.
    await daemon.docker('network', 'rm', 'cowait-isolated')
    await first.start()
    await second.start()
    await first[Symbol.asyncDispose]()
    expect(await networks()).toHaveLength(1)
    await second[Symbol.asyncDispose]()
    await expect.poll(networks).toEqual([])
  }, 60_000)

  it('may be there twice: all workers get the same, and both go', async () => {
    await makeAnother()
    const [older] = await networks()
    // Newer engines refuse a second by the same name, though not at the same moment.
    const isDouble = (await makeAnother()) === 201
    expect(await networks()).toHaveLength(isDouble ? 2 : 1)
    const [first, second] = [await open(), await open()]
    const told = await Promise.all([first.start(), second.start()])
    expect(await Promise.all(told.map((one) => one.tell('ready')))).toEqual(['yes', 'yes'])
    expect([...(await usedBy(first)), ...(await usedBy(second))]).toEqual([older, older])
    await first[Symbol.asyncDispose]()
    await expect.poll(networks).toEqual([older])
    await second[Symbol.asyncDispose]()
    await expect.poll(networks).toEqual([])
  }, 60_000)

  it('serves many engines that start at the same moment, and goes with the last', async () => {
    const rigs = await Promise.all(Array.from({ length: 6 }, open))
    const told = await Promise.all(rigs.map((rig) => rig.start()))
    expect(await Promise.all(told.map((one) => one.tell('ready')))).toEqual(told.map(() => 'yes'))
    await Promise.all(rigs.map((rig) => rig[Symbol.asyncDispose]()))
    await expect.poll(networks).toEqual([])
  }, 60_000)

  it('is swept where nobody is in it, except a young one by who is about to start workers', async () => {
    await makeAnother()
    const project = makeProject()
    const shared = { owner: 'test-busy', runtimeDirectory: project.runtimeDirectory, settings: { host: daemon.host, network: 'none' } }
    await using busy = Rig.around(project, await createDockerEngine({ ...shared, prepare: true }), 'test-busy')
    await busy.engine.sweep()
    expect(await networks()).toHaveLength(1)
    await using idle = await open()
    await idle.engine.sweep()
    expect(await networks()).toEqual([])
  }, 60_000)

  it('is not one that somebody else made by that name', async () => {
    await makeAnother('cowait-isolated', {} as never)
    {
      await using rig = await open()
      await expect(rig.start()).rejects.toThrow(/a network cowait-isolated that cowait did not make/)
    }
    expect(await networks()).toHaveLength(1)
    await daemon.docker('network', 'rm', 'cowait-isolated')
  }, 60_000)
})
