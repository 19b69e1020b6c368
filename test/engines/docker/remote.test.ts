import { createHash } from 'node:crypto'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createDockerEngine } from '../../../src/engines/docker/docker-engine.ts'
import { probeDocker } from '../../../src/engines/docker/probe-docker.ts'
import { describeDocker, makeProject, Rig, type Project } from './rig.ts'
import { makeCertificates, SecondDaemon } from './second-daemon.ts'

const local = { network: 'none' }

describeDocker('an engine that does not see this host’s folders', () => {
  let daemon: SecondDaemon
  let project: Project

  beforeAll(async () => {
    project = makeProject({
      files: {
        'package.json': '{"type":"module","dependencies":{"elsewhere":"*"}}',
        'packages/a/package.json': '{"name":"a","type":"module"}',
        'packages/a/resolve.js': 'export * from "odd"',
        'data.txt': 'data',
      },
      home: {
        'node_modules/dep/package.json': '{"name":"dep","type":"module","main":"i.js"}',
        'node_modules/dep/i.js': 'export const text = "a dependency"',
        [`node_modules/dep/${'deep/'.repeat(30)}ünïcode.txt`]: 'far down',
        'packages/a/node_modules/odd/package.json': '{"name":"odd","type":"module","main":"i.js"}',
        'packages/a/node_modules/odd/i.js': 'export const text = "not hoisted"',
        '../elsewhere/package.json': '{"name":"elsewhere","type":"module","main":"i.js"}',
        '../elsewhere/i.js': 'export const text = "from outside of the project"',
      },
      links: { 'node_modules/linked': 'dep', 'node_modules/elsewhere': '../../elsewhere' },
    })
    daemon = await SecondDaemon.start({ hide: [project.folder], tls: true })
    daemon.loadImage()
  }, 120_000)
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]()
    rmSync(project.folder, { recursive: true, force: true })
  })

  const open = (
    settings: Record<string, unknown> = { host: daemon.host },
    env: NodeJS.ProcessEnv = {},
  ): ReturnType<typeof createDockerEngine> =>
    createDockerEngine({
      owner: 'test-remote',
      runtimeDirectory: project.runtimeDirectory,
      settings: { ...local, ...settings },
      env: { ...process.env, ...env },
    })

  const tryIt = async (settings?: Record<string, unknown>, env?: NodeJS.ProcessEnv): Promise<{ rig: Rig; phases: string[] }> => {
    const rig = Rig.around(project, await open(settings, env), 'test-remote')
    const told = await rig.start()
    expect(await told.tell('resolveFromCode', 'linked')).toEqual({ text: 'a dependency' })
    expect(await told.tell('resolveFromCode', './packages/a/resolve.js')).toEqual({ text: 'not hoisted' })
    expect(await told.tell('resolveFromCode', 'elsewhere')).toEqual({ text: 'from outside of the project' })
    expect((await told.tell('resolveFromCode', 'cowait')).text).toBe('own package')
    expect(await told.tell('read', `/cowait/code/node_modules/dep/${'deep/'.repeat(30)}ünïcode.txt`)).toBe('far down')
    expect(await told.tell('write', '/cowait/code/new')).toEqual({ error: 'EROFS' })
    await rig.engine.remove(told.worker.id, 0)
    return { rig, phases: rig.phases.flatMap(({ detail }) => detail ?? []) }
  }

  it('gets the code in volumes: once, and again only what changed; pruning removes them', async () => {
    const first = await tryIt()
    expect(first.phases.filter((detail) => detail.startsWith('sending')).length).toBeGreaterThan(3)
    const again = await tryIt()
    expect(again.phases).toEqual([])
    // Another version of the code: only that travels.
    const hash = createHash('sha256').update('another').digest('hex')
    const spec = { ...project.tree, hash }
    const code = await again.rig.engine.provide(spec, AbortSignal.timeout(20_000))
    writeFileSync(join(project.tree.directory, 'data.txt'), 'other data')
    const other = await again.rig.start({ code })
    expect(await other.tell('read', '/cowait/code/data.txt')).toBe('other data')
    await again.rig.engine.remove(other.worker.id, 0)
    expect(again.rig.phases.flatMap(({ detail }) => detail ?? [])).toEqual([expect.stringMatching(/^sending code/)])
    expect(await daemon.docker('ps', '-aq')).toBe('')
    expect(await again.rig.engine.prune()).toBeGreaterThan(4)
    expect(await daemon.docker('volume', 'ls', '-q')).toBe('')
    await first.rig.engine.close()
    await again.rig.engine.close()
  })

  it('is given again what somebody removed between two runs', async () => {
    const { rig } = await tryIt()
    await daemon.docker('volume', 'rm', ...(await daemon.docker('volume', 'ls', '-q')).split('\n'))
    rig.phases.length = 0
    const told = await rig.start()
    expect(await told.tell('resolveFromCode', 'linked')).toEqual({ text: 'a dependency' })
    await rig.engine.remove(told.worker.id, 0)
    expect(rig.phases.filter(({ detail }) => detail?.startsWith('sending')).length).toBeGreaterThan(3)
    expect(await rig.engine.prune()).toBeGreaterThan(4)
    await rig.engine.close()
  })

  it('fills a volume once when two need it at the same time, and takes over from one that died', async () => {
    // As a supervisor leaves it that was killed while it filled.
    const [one, two] = await Promise.all([tryIt(), tryIt()])
    const sent = [...one.phases, ...two.phases].filter((detail) => detail.startsWith('sending code'))
    expect(sent).toHaveLength(1)
    await one.rig.engine.prune()
    await one.rig.engine.close()
    await two.rig.engine.close()
    expect(await daemon.docker('ps', '-aq')).toBe('')
  })

  it('is reached over TLS, by DOCKER_HOST and by a context', async () => {
    const host = `tcp://127.0.0.1:${daemon.port}`
    const byHost = await tryIt({}, { DOCKER_HOST: host, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: daemon.certificates })
    expect(byHost.rig.engine.capabilities.lease).toBe(true)
    await byHost.rig.engine.close()
    const config = mkdtempSync(join(tmpdir(), 'cowait-config-'))
    const id = createHash('sha256').update('far').digest('hex')
    mkdirSync(join(config, 'contexts/meta', id), { recursive: true })
    mkdirSync(join(config, 'contexts/tls', id), { recursive: true })
    writeFileSync(join(config, 'contexts/meta', id, 'meta.json'), JSON.stringify({ Name: 'far', Endpoints: { docker: { Host: host } } }))
    cpSync(daemon.certificates, join(config, 'contexts/tls', id, 'docker'), { recursive: true })
    const ways: [Record<string, unknown>, NodeJS.ProcessEnv][] = [
      [{ context: 'far' }, { DOCKER_CONFIG: config }],
      [{}, { DOCKER_CONFIG: config, DOCKER_CONTEXT: 'far' }],
    ]
    for (const [settings, env] of ways) {
      const engine = await open(settings, { DOCKER_HOST: '', ...env })
      expect(await engine.list({})).toEqual([])
      await engine.close()
    }
    writeFileSync(join(config, 'config.json'), '{"currentContext":"far"}')
    expect(await probeDocker({ env: { DOCKER_CONFIG: config } })).toEqual({ ok: true })
    await expect(open({ context: 'near' }, { DOCKER_CONFIG: config })).rejects.toThrow(
      /setting context is "near", but there is no such context/,
    )
    rmSync(config, { recursive: true })
    await expect(open({ host }, {})).rejects.toThrow(/without TLS|failed/)
    await expect(open({}, { DOCKER_HOST: host, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/nowhere' })).rejects.toThrow(
      /\/nowhere\/ca.pem cannot be read/,
    )
    const other = mkdtempSync(join(tmpdir(), 'cowait-config-'))
    makeCertificates(join(other, 'c'))
    await expect(open({}, { DOCKER_HOST: host, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: join(other, 'c') })).rejects.toThrow(/with TLS/)
    rmSync(other, { recursive: true })
  })

  it('is reached through ssh', async () => {
    const bin = mkdtempSync(join(tmpdir(), 'cowait-ssh-'))
    // What ssh does with its arguments after the host: it runs them, there.
    writeFileSync(
      join(bin, 'ssh'),
      `#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\n[ "$2" = build ] || { echo "no such host" >&2; exit 255; }\nshift 2\nexec "$@"\n`,
    )
    chmodSync(join(bin, 'ssh'), 0o755)
    const path = process.env.PATH
    process.env.PATH = `${bin}:${path}`
    try {
      const { rig } = await tryIt({ host: `ssh://me@build:22${daemon.folder}/docker.sock` })
      expect(rig.engine.capabilities.lease).toBe(true)
      const told = await rig.start()
      const text = 'x'.repeat(1 << 20)
      expect(await told.tell('echo', text)).toBe(text)
      told.worker.channel.end()
      expect(await told.next()).toBe('channel ended')
      await rig.engine.remove(told.worker.id, 0)
      await rig.engine.close()
      await expect(open({ host: 'ssh://elsewhere' })).rejects.toThrow(/connection to ssh:\/\/elsewhere failed: no such host/)
    } finally {
      process.env.PATH = path
      rmSync(bin, { recursive: true })
    }
  })
})
