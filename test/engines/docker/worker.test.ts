import { expect, it } from 'vitest'
import { describeDocker, Rig } from './rig.ts'

describeDocker('a worker in a container', () => {
  it('talks over its channel, prints to its output, and is gone after it ended', async () => {
    await using rig = await Rig.open()
    const told = await rig.start()
    expect(await told.tell('echo', 'täxt')).toBe('täxt')
    await told.tell('print', 'to stdout\n')
    await told.tell('complain', 'to stderr\n')
    await told.tell('inherit', 'echo from a subprocess; cat')
    told.send('exit', 3)
    expect(await told.worker.exited).toEqual({ how: 'exited', code: 3 })
    expect(await told.printed).toBe('to stdout\nto stderr\nfrom a subprocess\n')
    expect(await told.next()).toBeUndefined()
    await rig.engine.remove(told.worker.id, 1000)
    expect(await rig.left()).toEqual([])
  })

  it('carries a megabyte each way unharmed', async () => {
    await using rig = await Rig.open()
    const told = await rig.start()
    const text = 'abcdefgh'.repeat(1 << 17)
    expect(await told.tell('echo', text)).toBe(text)
  })

  it('is closed by default', async () => {
    await using rig = await Rig.open()
    const told = await rig.start({ labels: { team: 'blue' } })
    const info = await told.tell('info')
    expect(info.status).toMatch(/CapEff:\s+0+\n/)
    expect(info.status).toMatch(/CapBnd:\s+0+\n/)
    expect(info.status).toMatch(/NoNewPrivs:\s+1/)
    expect(info.pids).toBe('1024')
    expect(info.socket).toBe(false)
    expect(info.pid).not.toBe(1)
    expect(info.cwd).toBe('/cowait/code')
    expect(info.uid).toBe(process.getuid?.())
    expect(
      Object.keys(info.env)
        .filter((name) => name !== 'NODE_VERSION')
        .toSorted(),
    ).toEqual(['HOME', 'HOSTNAME', 'LANG', 'PATH', 'PWD', 'TMPDIR', 'TZ'])
    expect(await told.tell('write', '/cowait/code/new')).toEqual({ error: 'EROFS' })
    expect(await told.tell('write', '/tmp/new')).toBe(true)
    expect(await told.tell('orphans')).toBe(0)
    const { HostConfig, Config, Mounts, NetworkSettings } = await rig.inspect(told)
    expect(HostConfig).toMatchObject({
      LogConfig: { Type: 'none' },
      AutoRemove: true,
      Privileged: false,
      CapDrop: ['ALL'],
    })
    expect(Object.keys(NetworkSettings.Networks)).toEqual(['cowait-isolated'])
    expect(Mounts.every(({ RW }: { RW: boolean }) => !RW)).toBe(true)
    expect(Config.Labels).toMatchObject({ 'cowait.owner': rig.owner, 'cowait.name': 'run-1', 'cowait.tag.team': 'blue' })
  })

  it('does not reach other workers, but the way out is open', async () => {
    await using rig = await Rig.open()
    const [one, two] = await Promise.all([rig.start(), rig.start()])
    const host = await one.tell('listen', 8000)
    expect(host).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
    expect(await one.tell('connect', { host, port: 8000 })).toBe('hello')
    expect(await two.tell('connect', { host, port: 8000 })).toEqual({ error: 'timeout' })
    // Where the neighbours are reachable, the same attempt succeeds.
    const [three, four] = await Promise.all([
      rig.start({ settings: { network: 'bridge' } }),
      rig.start({ settings: { network: 'bridge' } }),
    ])
    const open = await three.tell('listen', 8000)
    expect(await four.tell('connect', { host: open, port: 8000 })).toBe('hello')
    expect(await two.tell('shell', 'cat /proc/net/route')).toMatch(/\t00000000\t/)
  })

  it.each(['none', 'host', 'bridge'])('works with network %s', async (network) => {
    await using rig = await Rig.open({ settings: { network } })
    const told = await rig.start()
    expect(await told.tell('ready')).toBe('yes')
    expect((await rig.inspect(told)).HostConfig.NetworkMode).toBe(network)
  })
})
