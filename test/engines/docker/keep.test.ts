import { expect, it } from 'vitest'
import { describeDocker, docker, Rig, until } from './rig.ts'

describeDocker('a container that may be kept', () => {
  it('stays after its worker’s end when it is told to, with its files, until it is removed', async () => {
    await using rig = await Rig.open()
    const told = await rig.start({ keep: true })
    expect(await rig.engine.list({ id: told.worker.id })).toMatchObject([{ id: told.worker.id }])
    await told.tell('write', '/tmp/evidence')
    await told.tell('inherit', 'echo printed; sleep 1000 & true')
    told.send('exit', 3)
    expect(await told.worker.exited).toEqual({ how: 'exited', code: 3 })
    expect(await told.printed).toBe('printed\n')
    await rig.engine.keep?.(told.worker.id)
    // The supervisor lets go, as it does when it is done.
    told.worker.channel.destroy()
    await using other = await Rig.open()
    const [kept] = await other.engine.list({ id: told.worker.id })
    expect(kept).toMatchObject({ id: told.worker.id, owner: rig.owner, kept: true })
    const session = await other.engine.exec?.(told.worker.id, { command: ['cat', '/tmp/evidence'] }, AbortSignal.timeout(20_000))
    expect(Buffer.concat((await session?.channel.toArray()) as Buffer[]).toString()).toBe('written')
    expect(await docker('top', await rig.containerId(told), '-o', 'pid,args')).not.toContain('sleep 1000')
    await other.engine.remove(told.worker.id, 1000)
    expect(await rig.left()).toEqual([])
  })

  it('is told before the end, and is there after a kill', async () => {
    await using rig = await Rig.open()
    const told = await rig.start({ keep: true, resources: { memoryLimit: 100 << 20 } })
    await rig.engine.keep?.(told.worker.id)
    expect(await told.tell('ready')).toBe('yes')
    told.send('eat', 500)
    expect(await told.worker.exited).toMatchObject({ how: 'out-of-memory', detail: expect.stringMatching(/limit 100 MiB/) })
    expect(await rig.left()).toHaveLength(1)
    await rig.engine.remove(told.worker.id, 5000)
    expect(await rig.left()).toEqual([])
  })

  it('goes when nobody says so, and when its supervisor is gone', async () => {
    await using rig = await Rig.open()
    const [done, orphan, plain] = [await rig.start({ keep: true }), await rig.start({ keep: true }), await rig.start()]
    await expect(rig.engine.keep?.(plain.worker.id)).rejects.toThrow(/was not started so/)
    await orphan.tell('loop')
    orphan.worker.channel.end()
    done.send('exit', 0)
    plain.send('exit', 0)
    expect(await done.worker.exited).toEqual({ how: 'exited', code: 0 })
    await until('they are gone', async () => (await rig.left()).length === 0, 20_000)
    await expect(rig.engine.keep?.(done.worker.id)).rejects.toThrow(/cannot be kept: its container is gone/)
  })

  it('is swept only when what was kept is meant', async () => {
    await using rig = await Rig.open()
    const told = await rig.start()
    const { Labels } = (await rig.inspect(told)).Config as { Labels: Record<string, string> }
    const labels = Object.entries({ ...Labels, 'cowait.owner': 'test-gone', 'cowait.home': '1-1-4026531836' })
    const name = `kept-${rig.owner}`
    await docker('create', '--name', name, ...labels.flatMap(([key, value]) => ['--label', `${key}=${value}`]), 'node:24-slim', 'true')
    expect(await rig.engine.sweep()).toBe(0)
    expect(await docker('ps', '-aq', '--filter', `name=${name}`)).not.toBe('')
    expect(await rig.engine.sweep({ kept: true })).toBe(1)
    expect(await docker('ps', '-aq', '--filter', `name=${name}`)).toBe('')
    expect(await told.tell('ready')).toBe('yes')
  })
})

describeDocker('what a worker uses', () => {
  it('is told: cpu and memory', async () => {
    await using rig = await Rig.open()
    const told = await rig.start()
    await told.tell('ready')
    const before = await told.worker.stats?.()
    expect(before?.memoryBytes).toBeGreaterThan(5 << 20)
    expect(before?.memoryBytes).toBeLessThan(400 << 20)
    await told.tell('shell', 'n=0; while [ $n -lt 300000 ]; do n=$((n+1)); done')
    const after = await told.worker.stats?.()
    expect((after?.cpuSeconds ?? 0) - (before?.cpuSeconds ?? 0)).toBeGreaterThan(0.02)
  })
})
