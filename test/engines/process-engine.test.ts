import { join } from 'node:path'
import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { EngineError, UsageError } from '../../src/core/errors.ts'
import type { StartPhase } from '../../src/core/engine.ts'
import { createProcessEngine } from '../../src/engines/process/process-engine.ts'
import { ProcessTable } from '../../src/engines/process/process-table.ts'
import { Lab, hear, isRunning, printed, processesWith, until, workerFile } from '../fixtures/process/lab.ts'

const SECOND = 1_000

describe.skipIf(process.platform !== 'linux')('a worker of the process engine', () => {
  it('talks both ways over its channel', async () => {
    await using lab = new Lab()
    const worker = await lab.start('idle')
    await hear(worker, /ready\n/)
    const sent = Buffer.alloc(5_000_000, 'abcdefghij')
    worker.channel.write(sent)
    let received = 0
    for await (const chunk of worker.channel.iterator({ destroyOnReturn: false })) {
      received += (chunk as Buffer).length
      if (received >= sent.length) break
    }
    expect(received).toBe(sent.length)
    worker.channel.end()
    expect(await worker.exited).toEqual({ how: 'exited', code: 0 })
  })

  it.each([
    ['exit-0', { how: 'exited', code: 0 }],
    ['exit-7', { how: 'exited', code: 7 }],
    ['abort', { how: 'killed', signal: 'SIGABRT' }],
    ['suicide', { how: 'killed', signal: 'SIGKILL' }],
  ])('tells how it ended: %s', async (behaviour, exit) => {
    await using lab = new Lab()
    const worker = await lab.start(behaviour)
    expect(await worker.exited).toEqual(exit)
    expect(await hear(worker, /never/)).toBeUndefined()
    await printed(worker)
  })

  it('that could not be removed is removed by another try', async () => {
    await using lab = new Lab()
    const worker = await lab.start('idle')
    using find = vi.spyOn(ProcessTable.prototype, 'find').mockRejectedValueOnce(new Error('nothing can be seen'))
    await expect(lab.engine.remove(worker.id, 0)).rejects.toThrow('nothing can be seen')
    expect(find).toHaveBeenCalledTimes(1)
    await lab.engine.remove(worker.id, 0)
    expect(find).toHaveBeenCalledTimes(2)
    await lab.engine.remove(worker.id, 0)
    expect(find).toHaveBeenCalledTimes(2)
  })

  it('that cannot be removed does not keep the rest of its engine', async () => {
    await using lab = new Lab()
    await Promise.all([lab.start('idle'), lab.start('idle')])
    const rest = (): unknown[] => [
      processesWith(lab.directory).length > 0,
      readdirSync(lab.directory).some((name) => name.startsWith('out-')),
    ]
    expect(await until(() => rest().every(Boolean), 5 * SECOND)).toBe(true)
    using _find = vi.spyOn(ProcessTable.prototype, 'find').mockRejectedValue(new Error('nothing can be seen'))
    await expect(lab.engine.close()).rejects.toThrow('nothing can be seen')
    expect(rest()).toEqual([false, false])
  })

  it('names its heap limit when it aborts, with the reason on its output', async () => {
    await using lab = new Lab()
    const worker = await lab.start('heap', { resources: { memoryLimit: 32 * 2 ** 20 } })
    const [output, exit] = await Promise.all([printed(worker), worker.exited])
    expect(exit).toEqual({ how: 'killed', signal: 'SIGABRT', detail: 'its JavaScript heap was limited to 32 MiB' })
    expect(output).toContain('heap out of memory')
  })

  it('loses none of the 1,000 lines before its death, in order', async () => {
    await using lab = new Lab()
    const output = await printed(await lab.start('prints'))
    expect(output).toBe(Array.from({ length: 1000 }, (_, line) => `line ${line}\n`).join(''))
  })

  it('loses nothing to a reader that comes after everything was removed', async () => {
    await using lab = new Lab()
    const worker = await lab.start('prints')
    await worker.exited
    await lab.engine.remove(worker.id, 0)
    expect((await printed(worker)).split('\n')).toHaveLength(1001)
    expect(await hear(worker, /ready/)).toBeDefined()
  })

  it('prints 50 MB', async () => {
    await using lab = new Lab()
    const worker = await lab.start('flood-50')
    let bytes = 0
    for await (const chunk of worker.output) bytes += chunk.length
    expect(bytes).toBe(50 * 2 ** 20)
    expect(await worker.exited).toEqual({ how: 'exited', code: 0 })
  })

  it('lets subprocesses open /dev/stderr by name', async () => {
    await using lab = new Lab()
    expect(await printed(await lab.start('opens-stderr'))).toBe('by name\nby number\n')
  })

  it('has one output where no named pipe can be made', async () => {
    await using lab = new Lab({ env: { PATH: '/nonexistent' } })
    const output = await printed(await lab.start('prints'))
    expect(output.split('\n')).toHaveLength(1001)
  })

  it('sees nothing of the host but what was picked', async () => {
    const env = {
      PATH: process.env['PATH'],
      HOME: '/home/x',
      LC_ALL: 'C',
      TZ: 'UTC',
      SECRET: 'x',
      NODE_OPTIONS: '--no-warnings',
      COWAIT_WORKER: 'outer',
    }
    await using lab = new Lab({ env })
    const worker = await lab.start('environment', { resources: { memoryLimit: 64 * 2 ** 20 } })
    const [, text = ''] = (await hear(worker, /ready\n(.*)\n/)) ?? []
    const seen = JSON.parse(text) as { env: Record<string, string>; cwd: string; flags: string[] }
    expect(Object.keys(seen.env).sort()).toEqual(['COWAIT_WORKER', 'HOME', 'LC_ALL', 'PATH', 'TZ'])
    expect(seen.env['COWAIT_WORKER']).toContain(worker.id)
    expect(seen.cwd).toBe(lab.base)
    expect(seen.flags).toEqual(['--max-old-space-size=64'])
  })

  it('has its own session, no descriptor beyond 4 and no terminal', async () => {
    await using lab = new Lab()
    const worker = await lab.start('idle')
    await hear(worker, /ready/)
    const [pid] = processesWith(worker.id) as [number]
    const [, , group, session, terminal] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ').map(Number)
    expect({ group, session, terminal }).toEqual({ group: pid, session: pid, terminal: 0 })
    const kinds = await inheritedKinds(pid)
    expect(kinds.slice(0, 5)).toEqual(['/dev/null', expect.stringMatching(/out-\d+ \(deleted\)$/), kinds[1], 'socket', 'socket'])
  })

  it('survives a task that signals its own process group, as far as it can', async () => {
    await using lab = new Lab()
    const worker = await lab.start('kills-group')
    expect(await worker.exited).toEqual({ how: 'killed', signal: 'SIGTERM' })
    expect(processesWith(lab.directory)).toHaveLength(1)
  })
})

describe.skipIf(process.platform !== 'linux')('the process engine removes', () => {
  it.each([
    ['idle', 5 * SECOND],
    ['busy', 200],
    ['busy', 0],
    ['stubborn', 200],
    ['stubborn', 0],
    ['deaf', 200],
    ['stubborn-child', 200],
    ['child', 5 * SECOND],
    ['escaped', 5 * SECOND],
    ['nameless', 5 * SECOND],
  ])('a worker that is %s, with a grace of %i ms', async (behaviour, graceMs) => {
    await using lab = new Lab()
    const worker = await lab.start(behaviour)
    const heard = await hear(worker, /child|nameless|escaped/.test(behaviour) ? /child (\d+)\n/ : /ready\n/)
    const start = performance.now()
    await lab.engine.remove(worker.id, graceMs)
    expect(performance.now() - start).toBeLessThan(graceMs === 5 * SECOND ? 1_500 : graceMs + 1_000)
    expect(processesWith(worker.id)).toEqual([])
    if (heard?.[1]) expect(isRunning(Number(heard[1]))).toBe(false)
    expect(await worker.exited).toMatchObject({ how: 'removed' })
    await printed(worker)
    expect(await hear(worker, /never/)).toBeUndefined()
  })

  it('a stopped worker, asking first', async () => {
    await using lab = new Lab()
    const worker = await lab.start('last-words')
    await hear(worker, /ready/)
    const [pid] = processesWith(worker.id) as [number]
    process.kill(pid, 'SIGSTOP')
    await lab.engine.remove(worker.id, 5 * SECOND)
    expect(await worker.exited).toEqual({ how: 'removed', code: 0 })
    expect(await printed(worker)).toBe('last words\n')
  })

  it('a stopped worker at once', async () => {
    await using lab = new Lab()
    const worker = await lab.start('busy')
    await hear(worker, /ready/)
    const [pid] = processesWith(worker.id) as [number]
    process.kill(pid, 'SIGSTOP')
    await lab.engine.remove(worker.id, 0)
    expect(await worker.exited).toEqual({ how: 'removed', signal: 'SIGKILL' })
  })

  it('what a finished worker left running, in its group or not', async () => {
    await using lab = new Lab()
    const worker = await lab.start('leaves-children')
    const text = (await hear(worker, /(child \d+\s+){3}/))?.[0] ?? ''
    const children = [...text.matchAll(/child (\d+)/g)].map(([, pid]) => Number(pid))
    expect(children).toHaveLength(3)
    expect(await worker.exited).toEqual({ how: 'exited', code: 0 })
    expect(await printed(worker)).toBe('')
    await lab.engine.remove(worker.id, 5 * SECOND)
    expect(children.filter(isRunning)).toEqual([])
  })

  it('a worker whose output is held open by a process that nobody can find', async () => {
    await using lab = new Lab()
    const worker = await lab.start('hidden')
    const [, pid] = (await hear(worker, /child (\d+)\n/)) ?? []
    await lab.engine.remove(worker.id, 5 * SECOND)
    expect(await printed(worker)).toBe('')
    // Left its group and dropped its environment: the declared limit.
    expect(isRunning(Number(pid))).toBe(true)
    process.kill(Number(pid), 'SIGKILL')
    expect(await until(() => !isRunning(Number(pid)), SECOND)).toBe(true)
  })

  it('a worker once, however often it is asked, and at the shortest grace', async () => {
    await using lab = new Lab()
    const worker = await lab.start('stubborn')
    await hear(worker, /ready/)
    const start = performance.now()
    const first = lab.engine.remove(worker.id, 60 * SECOND)
    await Promise.all([first, lab.engine.remove(worker.id, 100), lab.engine.remove(worker.id, 30 * SECOND)])
    expect(performance.now() - start).toBeLessThan(2 * SECOND)
    await lab.engine.remove(worker.id, 0)
    await lab.engine.remove('never-was', 0)
  })

  it('a worker that is being started', async () => {
    await using lab = new Lab()
    const spec = lab.spec('idle')
    const started = lab.engine.start(spec, new AbortController().signal, () => {})
    await lab.engine.remove(spec.id, 0)
    expect(await (await started).exited).toMatchObject({ how: 'removed' })
    expect(processesWith(spec.id)).toEqual([])
  })

  it('a worker that stays after its channel was closed on purpose', async () => {
    await using lab = new Lab()
    const worker = await lab.start('stubborn')
    await hear(worker, /ready/)
    worker.channel.destroy()
    expect(await worker.exited).toEqual({ how: 'removed', signal: 'SIGKILL' })
  })

  it('a worker that closed its channel', async () => {
    await using lab = new Lab()
    const worker = await lab.start('closes')
    expect(await hear(worker, /never/)).toBeUndefined()
    expect(await worker.exited).toEqual({ how: 'removed', signal: 'SIGKILL' })
  })

  it('50 workers at once', async () => {
    await using lab = new Lab()
    const behaviours = ['idle', 'busy', 'stubborn', 'child', 'escaped']
    const workers = await Promise.all(Array.from({ length: 50 }, (_, index) => lab.start(behaviours[index % behaviours.length]!)))
    expect(await lab.engine.list({ owner: lab.owner })).toHaveLength(50)
    await Promise.all(workers.slice(0, 20).map((worker) => lab.engine.remove(worker.id, 100)))
    expect(await lab.engine.list({ owner: lab.owner })).toHaveLength(30)
    await Promise.all(workers.map((worker) => lab.engine.remove(worker.id, 0)))
    expect(await lab.engine.list({ owner: lab.owner })).toEqual([])
  })
})

describe.skipIf(process.platform !== 'linux')('the process engine', () => {
  it('starts nothing once the start was aborted', async () => {
    await using lab = new Lab()
    const controller = new AbortController()
    const started = lab.engine.start(lab.spec('idle'), controller.signal, () => {})
    controller.abort(new Error('not any more'))
    await expect(started).rejects.toThrow('not any more')
    await expect(lab.engine.start(lab.spec('idle'), controller.signal, () => {})).rejects.toThrow('not any more')
    expect(await lab.engine.list({ owner: lab.owner })).toEqual([])
  })

  it.each([process.env['PATH'], '/nonexistent'])('says what is missing when a worker cannot be started, with PATH %s', async (PATH) => {
    await using lab = new Lab({ node: '/nonexistent/node', env: { PATH } })
    const error = await lab.start('idle').catch((reason: unknown) => reason as EngineError)
    expect(error).toBeInstanceOf(EngineError)
    expect(error).toMatchObject({
      message: 'Worker idle could not be started: its program was not found (ENOENT).',
      hint: 'Check that /nonexistent/node is there and may be run.',
      cause: { code: 'ENOENT' },
    })
  })

  it('says that the working directory is missing', async () => {
    await using lab = new Lab()
    const cwd = join(lab.base, 'missing')
    const started = lab.start('idle', { code: { hash: '0', path: '/', cwd } })
    await expect(started).rejects.toThrow(`Worker idle could not be started: its working directory ${cwd} does not exist (ENOENT).`)
  })

  it('refuses what it cannot honour, by the name of the option', async () => {
    await using lab = new Lab()
    const check = (more: Partial<ReturnType<Lab['spec']>>) => () => lab.engine.check(lab.spec('idle', more))
    expect(check({ resources: { gpu: { count: 1 } } })).toThrow(UsageError)
    expect(check({ resources: { gpu: { count: 1 } } })).toThrow('gpu: 1')
    expect(check({ mounts: [{ path: '/data', tmpfsBytes: 1 }] })).toThrow('volumes: "/data"')
    expect(check({ ports: { 8080: 80 } })).toThrow('ports: { 8080: 80 }')
    expect(check({ settings: { network: 'none' } })).toThrow('network: "none"')
    check({ ports: { 8080: 8080 }, image: 'x', resources: { cpuMillis: 500, memoryLimit: 1 } })()
  })

  it('gives one notice for each option that is best effort', async () => {
    await using lab = new Lab()
    const phases: StartPhase[] = []
    for (let turn = 0; turn < 2; turn++) {
      const spec = lab.spec('exit-0', { image: 'node:24', resources: { cpuMillis: 500, memoryLimit: 64 * 2 ** 20 } })
      await (
        await lab.engine.start(spec, new AbortController().signal, (phase) => phases.push(phase))
      ).exited
    }
    expect(phases.map(({ detail }) => detail)).toEqual([
      'image node:24 is not used by engine process',
      'cpu is not limited by engine process',
      'memory is best effort on engine process: a JavaScript heap of 64 MiB',
    ])
  })

  it('lists workers with what they were started for', async () => {
    await using lab = new Lab()
    const before = Date.now()
    const worker = await lab.start('idle', { id: 'a.b/c d%' })
    const [info] = await lab.engine.list({ id: worker.id, owner: lab.owner })
    expect(info).toEqual({ id: 'a.b/c d%', owner: lab.owner, name: 'idle', createdAt: expect.any(Number) as number })
    expect(info!.createdAt).toBeGreaterThanOrEqual(before)
    expect(await lab.engine.list({ owner: 'somebody-else' })).toEqual([])
  })

  it('removes a worker by its id for its owner alone, from another process too', async () => {
    await using lab = new Lab()
    const worker = await lab.start('idle')
    await using stranger = new Lab()
    await stranger.engine.remove(worker.id, 0)
    worker.channel!.write('echo still here\n')
    expect(await hear(worker, /still here/)).toBeDefined()
    await using command = new Lab({ owner: lab.owner })
    await command.engine.remove(worker.id, 0)
    expect(await worker.exited).toEqual({ how: 'killed', signal: 'SIGKILL' })
  })

  it('gives the tree as it lies', async () => {
    await using lab = new Lab()
    const tree = { hash: 'abc', files: [], directory: '/trees/abc', root: '/home/user' }
    expect(await lab.engine.provide(tree, new AbortController().signal)).toEqual({ hash: 'abc', path: '/trees/abc', cwd: '/home/user' })
  })

  it('says that its folder is missing', () => {
    expect(() => createProcessEngine({ owner: 'x', directory: '/nonexistent/folder', workerFile })).toThrow(EngineError)
  })
})

async function inheritedKinds(pid: number): Promise<string[]> {
  const { readlink } = await import('node:fs/promises')
  const numbers = readdirSync(`/proc/${pid}/fd`)
    .map(Number)
    .sort((a, b) => a - b)
  return Promise.all(numbers.map(async (number) => (await readlink(`/proc/${pid}/fd/${number}`)).replace(/:\[.*/, '')))
}
