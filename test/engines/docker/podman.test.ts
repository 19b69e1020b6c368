import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDockerEngine } from '../../../src/engines/docker/docker-engine.ts'
import { hasProgram, image } from './available.ts'
import type { ExecSession, TerminalSize } from '../../../src/core/engine.ts'
import { describeDocker, makeProject, Rig, until, type Project } from './rig.ts'

const describePodman = hasProgram('the program podman', 'podman', '--version') ? describeDocker : describe.skip

describePodman('Podman’s compatible API', () => {
  let folder: string
  let host: string
  let options: string[]
  let env: NodeJS.ProcessEnv
  let server: ChildProcess
  let project: Project
  let rig: Rig

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cowait-podman-'))
    // Without systemd, and with no more open files than this process may have.
    writeFileSync(
      join(folder, 'containers.conf'),
      '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n[engine]\nevents_logger = "file"\n',
    )
    options = [
      '--root',
      join(folder, 'data'),
      '--runroot',
      join(folder, 'run'),
      '--runtime',
      'runc',
      '--storage-driver',
      'overlay',
      '--cgroup-manager',
      'cgroupfs',
    ]
    env = { ...process.env, CONTAINERS_CONF: join(folder, 'containers.conf') }
    execFileSync('sh', ['-c', `docker save ${image} | podman ${options.join(' ')} load`], { env, stdio: 'ignore' })
    host = `unix://${folder}/podman.sock`
    server = spawn('podman', [...options, 'system', 'service', '--time', '0', host], { env, stdio: 'ignore' })
    project = makeProject({
      home: { 'node_modules/dep/package.json': '{"name":"dep","main":"i.js"}', 'node_modules/dep/i.js': 'exports.text = "a dependency"' },
    })
    const connect = (): ReturnType<typeof createDockerEngine> =>
      createDockerEngine({ owner: 'test-podman', runtimeDirectory: project.runtimeDirectory, settings: { host, network: 'none' } })
    await until('podman serves', async () => existsSync(join(folder, 'podman.sock')), 20_000)
    rig = Rig.around(project, await connect(), 'test-podman')
  }, 120_000)

  afterAll(async () => {
    await (rig as Rig | undefined)?.engine.close()
    server.kill()
    await once(server, 'exit')
    const mounts = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '')
    for (const mount of mounts.filter((path) => path.startsWith(`${folder}/`)).toReversed()) execFileSync('umount', ['-l', mount])
    rmSync(folder, { recursive: true, force: true })
    rmSync(project.folder, { recursive: true, force: true })
  })

  it('runs workers, tells how they ended, and removes them', async () => {
    const told = await rig.start()
    expect(await told.tell('echo', 'x'.repeat(1 << 20))).toHaveLength(1 << 20)
    expect((await told.tell('resolveFromCode', 'dep')).text).toBe('a dependency')
    expect((await told.tell('info')).status).toMatch(/CapEff:\s+0+\n[^]*NoNewPrivs:\s+1/)
    await told.tell('inherit', 'echo printed; cat')
    told.send('exit', 3)
    expect(await told.worker.exited).toEqual({ how: 'exited', code: 3 })
    expect(await told.printed).toBe('printed\n')
    await rig.engine.remove(told.worker.id, 0)
    expect(await rig.engine.list({})).toEqual([])
  })

  it('kills a busy loop after the grace, and a worker whose channel ended', async () => {
    const [busy, orphan] = [await rig.start(), await rig.start({ resources: { memoryLimit: 100 << 20 } })]
    await busy.tell('stubborn')
    await busy.tell('loop')
    await orphan.tell('loop')
    orphan.worker.channel.end()
    await rig.engine.remove(busy.worker.id, 200)
    expect(await busy.worker.exited).toMatchObject({ how: 'killed', signal: 'SIGKILL' })
    expect(await orphan.worker.exited).toMatchObject({ how: 'killed', signal: 'SIGKILL', detail: 'perhaps out of memory, limit 100 MiB' })
    await expect.poll(() => rig.engine.list({}), { timeout: 5000 }).toEqual([])
  })

  it('runs a program beside a worker, with and without a terminal', async () => {
    const told = await rig.start()
    const run = (command: string[], terminal?: TerminalSize): Promise<ExecSession | undefined> | undefined =>
      rig.engine.exec?.(told.worker.id, { command, ...(terminal && { terminal }) }, AbortSignal.timeout(20_000))
    const plain = await run(['sh', '-c', 'cat; exit 3'])
    plain?.channel.end('through\n')
    expect(await plain?.channel.toArray().then((chunks) => Buffer.concat(chunks).toString())).toBe('through\n')
    expect(await plain?.exited).toEqual({ how: 'exited', code: 3 })
    const shell = await run(['sh', '-c', 'read go; stty size; read more'], { columns: 91, rows: 33 })
    shell?.channel.write('go\n')
    let text = ''
    shell?.channel.on('data', (chunk: Buffer) => (text += chunk.toString()))
    await expect.poll(() => text, { timeout: 10_000 }).toMatch(/33 91/)
    await shell?.close()
    await rig.engine.remove(told.worker.id, 0)
  })

  it('makes the network of the workers once, and removes it', async () => {
    const settings = { host }
    const rigs = await Promise.all([1, 2].map(() => Rig.open({ settings })))
    const told = await Promise.all(rigs.map((each) => each.start()))
    for (const one of told) expect(await one.tell('shell', 'cat /proc/net/route')).toMatch(/\t00000000\t/)
    for (const each of rigs) await each[Symbol.asyncDispose]()
    const networks = (): string => execFileSync('podman', [...options, 'network', 'ls', '-q'], { env, encoding: 'utf8' })
    await expect.poll(networks, { timeout: 10_000 }).not.toContain('cowait-isolated')
  })

  it('says what it cannot start', async () => {
    await expect(rig.start({ settings: { user: 'nobody-at-all' } })).rejects.toThrow(/user nobody-at-all does not exist/)
    await expect(rig.start({ settings: { network: 'never-was' } })).rejects.toThrow(/network never-was does not exist/)
    expect(await rig.engine.list({})).toEqual([])
  })
})
