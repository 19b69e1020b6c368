import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { describeDocker, docker, Rig, until } from './rig.ts'

const orphanGraceMs = 2000

describeDocker('how a container ends', () => {
  it('tells a kill from inside by its signal, and a crash', async () => {
    await using rig = await Rig.open()
    const [killed, crashed] = await Promise.all([rig.start(), rig.start()])
    killed.send('kill', 'SIGKILL')
    crashed.send('abort')
    expect(await killed.worker.exited).toEqual({ how: 'killed', signal: 'SIGKILL' })
    expect(await killed.printed).toBe('')
    expect(await crashed.worker.exited).toMatchObject({ how: 'killed', signal: 'SIGABRT' })
  })

  it('tells that memory ran out, with the limit', async () => {
    await using rig = await Rig.open()
    const told = await rig.start({ resources: { memoryLimit: 100 << 20 } })
    await told.tell('print', 'last words\n')
    told.send('eat', 500)
    const exit = await told.worker.exited
    expect(exit).toMatchObject({ how: 'out-of-memory', detail: expect.stringMatching(/limit 100 MiB/) })
    expect(await told.printed).toMatch(/^last words\n/)
  })

  it('asks first, and takes the code of a worker that goes', async () => {
    await using rig = await Rig.open()
    const told = await rig.start()
    await told.tell('polite', 5)
    await rig.engine.remove(told.worker.id, 5000)
    expect(await told.worker.exited).toEqual({ how: 'exited', code: 5 })
    expect(await told.printed).toBe('going\n')
    expect(await rig.left()).toEqual([])
  })

  it('kills after the grace, a busy loop too', async () => {
    await using rig = await Rig.open()
    const told = await rig.start()
    await told.tell('stubborn')
    await told.tell('loop')
    const from = Date.now()
    await rig.engine.remove(told.worker.id, 500)
    expect(Date.now() - from).toBeGreaterThan(450)
    expect(Date.now() - from).toBeLessThan(3000)
    expect(await told.worker.exited).toMatchObject({ how: 'killed', signal: 'SIGKILL' })
    expect(await rig.left()).toEqual([])
  })

  it('removes twice, and what it never knew, without a word', async () => {
    await using rig = await Rig.open()
    const told = await rig.start()
    await Promise.all([rig.engine.remove(told.worker.id, 0), rig.engine.remove(told.worker.id, 0)])
    await rig.engine.remove(told.worker.id, 0)
    await rig.engine.remove('never-was', 0)
    expect(await rig.left()).toEqual([])
  })

  it('removes a worker whose output and channel nobody reads', async () => {
    await using rig = await Rig.open()
    const spec = await rig.spec()
    const worker = await rig.engine.start(spec, AbortSignal.timeout(20_000), () => {})
    worker.channel.write(`${JSON.stringify(['flood', 40])}\n`)
    const id = await docker('ps', '-q', '--filter', `label=cowait.worker=${spec.id}`)
    // It stands still: what it wrote so far fills all that is between.
    const printed = (): Promise<string> => docker('exec', id, 'sh', '-c', 'cat /tmp/printed; true')
    let before = ''
    await until('the worker stands still', async () => {
      const now = await printed()
      await pause(300)
      return now !== '' && now === before ? true : ((before = now), false)
    })
    expect(Number(before)).toBeLessThan(40 * 1024 - 64)
    const from = Date.now()
    await rig.engine.remove(spec.id, 0)
    expect(Date.now() - from).toBeLessThan(3000)
    expect(await worker.exited).toMatchObject({ how: 'killed' })
  })

  it('reads everything that was printed before the end', async () => {
    await using rig = await Rig.open()
    const told = await rig.start()
    await told.tell('flood', 20)
    told.send('exit', 0)
    const printed = await told.printed
    expect(printed.length, printed.slice(0, 400)).toBe(20 << 20)
  })

  it('tells when somebody else killed or removed it, paused or not', async () => {
    await using rig = await Rig.open()
    const [killed, removed, paused] = await Promise.all([rig.start(), rig.start(), rig.start()])
    const ids = await Promise.all([killed, removed, paused].map((told) => rig.containerId(told)))
    await docker('kill', ids[0] ?? '')
    await docker('rm', '-f', ids[1] ?? '')
    await docker('pause', ids[2] ?? '')
    for (const told of [killed, removed]) {
      expect(await told.worker.exited).toMatchObject({ how: 'killed', signal: 'SIGKILL', detail: expect.stringContaining('somebody else') })
      expect(await told.next()).toBeUndefined()
    }
    const from = Date.now()
    await rig.engine.remove(paused.worker.id, 200)
    expect(Date.now() - from).toBeLessThan(3000)
    expect(await rig.left()).toEqual([])
  })

  it('ends the worker when its channel is ended, after the grace of an orphan', async () => {
    await using rig = await Rig.open()
    const [told, busy] = await Promise.all([rig.start(), rig.start()])
    await told.tell('ready')
    await busy.tell('loop')
    told.worker.channel.end()
    busy.worker.channel.end()
    expect(await told.next()).toBe('channel ended')
    expect(await told.worker.exited).toMatchObject({ how: 'killed', signal: 'SIGKILL' })
    await busy.worker.exited
    expect(await until('nothing is left', async () => (await rig.left()).length === 0)).toBeLessThan(orphanGraceMs)
  })
})

describeDocker('a connection that breaks', () => {
  it('loses the worker, which ends itself, and the next one starts', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cowait-proxy-'))
    const open = new Set<Socket>()
    const proxy = createServer((near) => {
      const far = connect('/var/run/docker.sock')
      for (const socket of [near, far]) socket.on('error', () => {}).on('close', () => open.delete(socket))
      open.add(near).add(far)
      near.pipe(far).pipe(near)
    }).listen(join(folder, 'docker.sock'))
    try {
      await using rig = await Rig.open({ settings: { host: `unix://${folder}/docker.sock` } })
      const told = await rig.start()
      await told.tell('loop')
      for (const socket of open) socket.destroy()
      expect(await told.next()).toBeUndefined()
      expect(await told.worker.exited).toEqual({ how: 'lost', detail: 'the connection to its container broke, so it was ended' })
      await rig.engine.remove(told.worker.id, 0)
      const next = await rig.start()
      next.send('exit', 2)
      expect(await next.worker.exited).toEqual({ how: 'exited', code: 2 })
    } finally {
      proxy.close()
      rmSync(folder, { recursive: true })
    }
  })
})

describeDocker('a supervisor that is killed', () => {
  it('leaves nothing after its workers had their grace', async () => {
    await using rig = await Rig.open()
    const program = join(rig.project.folder, 'supervisor.ts')
    const { project } = rig
    writeFileSync(
      program,
      `import { createDockerEngine } from ${JSON.stringify(join(import.meta.dirname, '../../../src/engines/docker/docker-engine.ts'))}
       const engine = await createDockerEngine({ owner: ${JSON.stringify(rig.owner)}, runtimeDirectory: ${JSON.stringify(project.runtimeDirectory)} })
       const signal = AbortSignal.timeout(20_000)
       const code = await engine.provide(${JSON.stringify(project.tree)}, signal)
       for (const name of ['one', 'two']) {
         const worker = await engine.start({ id: name, owner: '', name, code, resources: {}, mounts: [], ports: {}, labels: {}, settings: {} }, signal, () => {})
         worker.channel.write('["loop", null]\\n')
         for await (const chunk of worker.channel.iterator({ destroyOnReturn: false })) break
       }
       console.log('ready')
       setInterval(() => {}, 1000)`,
    )
    const node = join(import.meta.dirname, '../../../node_modules/.bin/esbuild')
    const built = join(rig.project.folder, 'supervisor.mjs')
    execFileSync(node, [program, '--bundle', '--platform=node', '--format=esm', '--target=node20', `--outfile=${built}`], {
      stdio: 'ignore',
    })
    const supervisor = spawn(process.execPath, [built], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(supervisor.stdout, 'data')
    expect(await rig.left()).toHaveLength(2)
    // As long as it lives, a sweep of somebody else leaves its workers alone.
    expect(await rig.engine.sweep()).toBe(0)
    expect(await rig.left()).toHaveLength(2)
    supervisor.kill('SIGKILL')
    expect(await until('nothing is left', async () => (await rig.left()).length === 0)).toBeLessThan(5000)
  })
})

describeDocker('sweeping', () => {
  it('removes what belongs to a supervisor of this host and user that is gone, and nothing else', async () => {
    await using rig = await Rig.open()
    const own = await rig.start()
    const { Labels } = (await rig.inspect(own)).Config as { Labels: Record<string, string> }
    const make = async (changes: Record<string, string>): Promise<string> => {
      const labels = Object.entries({ ...Labels, 'cowait.owner': 'test-gone', 'cowait.worker': 'w', ...changes }).flatMap(
        ([key, value]) => ['--label', `${key}=${value}`],
      )
      return docker('create', ...labels, 'node:24-slim', 'true')
    }
    const dead = await make({ 'cowait.home': '1-1-4026531836' })
    const kept = await Promise.all([
      make({}),
      make({ 'cowait.host': 'elsewhere', 'cowait.boot': 'long ago' }),
      make({ 'cowait.user': '4711', 'cowait.boot': 'long ago' }),
    ])
    try {
      expect(await rig.engine.sweep()).toBe(1)
      const left = (await docker('ps', '-aq', '--no-trunc')).split('\n')
      expect(left).toEqual(expect.arrayContaining(kept))
      expect(left).not.toContain(dead)
      expect(await own.tell('ready')).toBe('yes')
    } finally {
      await docker('rm', '-f', ...kept)
    }
  })
})

describeDocker('cancelling a start', () => {
  it.each([0, 5, 15, 40, 80, 150, 300])('leaves nothing when it is given up after %i ms', async (ms) => {
    await using rig = await Rig.open()
    const controller = new AbortController()
    const spec = await rig.spec()
    const started = rig.engine.start(spec, controller.signal, () => {})
    setTimeout(() => controller.abort(new Error('given up')), ms)
    const outcome = await started.then(
      async () => 'started',
      (error: Error) => error.message,
    )
    if (outcome === 'started') await rig.engine.remove(spec.id, 0)
    else expect(outcome).toBe('given up')
    expect(await rig.left()).toEqual([])
  })

  it('leaves the queue of starts', async () => {
    await using rig = await Rig.open()
    const controller = new AbortController()
    const specs = await Promise.all(Array.from({ length: 12 }, () => rig.spec()))
    const started = specs.map((spec) => rig.engine.start(spec, controller.signal, ({ phase }) => phase === 'waiting' && controller.abort()))
    const outcomes = await Promise.allSettled(started)
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true)
    expect(await rig.left()).toEqual([])
  })
})
