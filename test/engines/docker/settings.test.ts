import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { WorkerSpec } from '../../../src/core/engine.ts'
import { EngineError, UsageError } from '../../../src/core/errors.ts'
import { checkRoom } from '../../../src/engines/docker/check-spec.ts'
import { containerSpec } from '../../../src/engines/docker/container-spec.ts'
import { image } from './available.ts'
import { describeDocker, docker, Rig } from './rig.ts'

describeDocker('what a task asks for', () => {
  it('gets its share of processor and memory, and no more', async () => {
    await using rig = await Rig.open()
    const told = await rig.start({
      resources: { cpuMillis: 500, memoryLimit: 200 << 20, memoryRequest: 100 << 20 },
      settings: { pidsLimit: 77 },
    })
    const info = await told.tell('info')
    expect(info.memory).toBe(String(200 << 20))
    expect(info.cpuQuota).toMatch(/^50000\b/)
    expect(info.pids).toBe('77')
    const { HostConfig } = await rig.inspect(told)
    expect(HostConfig).toMatchObject({
      NanoCpus: 5e8,
      Memory: 200 << 20,
      MemorySwap: 200 << 20,
      MemoryReservation: 100 << 20,
      PidsLimit: 77,
    })
    const stats = await told.worker.stats?.()
    expect(stats?.memoryBytes).toBeGreaterThan(1 << 20)
    expect(stats?.cpuSeconds).toBeGreaterThan(0)
  })

  it('gets folders of the host, volumes and memory', async () => {
    await using rig = await Rig.open()
    const folder = join(rig.project.folder, 'bound')
    mkdirSync(folder)
    writeFileSync(join(folder, 'here'), 'from the host')
    const volume = `cowait-test-${rig.owner}`
    await docker('volume', 'create', volume)
    try {
      const mounts = [
        { path: '/bound', bind: folder, readOnly: false },
        { path: '/bound-ro', bind: folder, readOnly: true },
        { path: '/kept', volume, readOnly: false },
        { path: '/fast', tmpfsBytes: 4 << 20 },
      ]
      const told = await rig.start({ mounts })
      expect(await told.tell('read', '/bound/here')).toBe('from the host')
      expect(await told.tell('write', '/bound/there')).toBe(true)
      expect(await told.tell('write', '/bound-ro/there')).toEqual({ error: 'EROFS' })
      expect(await told.tell('write', '/kept/it')).toBe(true)
      expect(await told.tell('shell', 'df -k /fast | tail -1')).toMatch(/tmpfs\s+4096/)
      expect(readFileSync(join(folder, 'there'), 'utf8')).toBe('written')
      expect(statSync(join(folder, 'there')).uid).toBe(process.getuid?.())
      const { Mounts } = await rig.inspect(told)
      expect(Mounts).toEqual(
        expect.arrayContaining([expect.objectContaining({ Type: 'bind', Source: folder, Destination: '/bound-ro', RW: false })]),
      )
      await rig.engine.remove(told.worker.id, 0)
      const later = await rig.start({ mounts: [{ path: '/kept', volume, readOnly: true }] })
      expect(await later.tell('read', '/kept/it')).toBe('written')
      await rig.engine.remove(later.worker.id, 0)
    } finally {
      await rig.removeAll()
      await docker('volume', 'rm', volume)
    }
  })

  it('can use a new volume as another user than root', async () => {
    await using rig = await Rig.open({ settings: { user: '1234:1234' } })
    const volume = `cowait-test-${rig.owner}`
    await docker('volume', 'create', volume)
    try {
      const told = await rig.start({ mounts: [{ path: '/kept', volume, readOnly: false }] })
      expect(await told.tell('write', '/kept/it')).toBe(true)
      expect(await told.tell('read', '/cowait/code/package.json')).toBe('{"type":"module"}')
      await rig.engine.remove(told.worker.id, 0)
    } finally {
      await rig.removeAll()
      await docker('volume', 'rm', volume)
    }
  })

  it('opens ports on the loopback, a chosen one and any free one', async () => {
    await using rig = await Rig.open()
    const told = await rig.start({ ports: { 8000: 0 } })
    await told.tell('listen', 8000)
    const detail = rig.phases.at(-1)?.detail ?? ''
    const port = Number(/port 8000 at 127\.0\.0\.1:(\d+)/.exec(detail)?.[1])
    expect(await docker('port', await rig.containerId(told))).toBe(`8000/tcp -> 127.0.0.1:${port}`)
    expect(await hello(port)).toBe('hello')
    await expect(rig.start({ ports: { 8000: port } })).rejects.toThrow(/port that run-2 asks for is taken/)
    expect(await rig.left()).toHaveLength(1)
  })

  it('gets its user, platform, hosts and working directory', async () => {
    await using rig = await Rig.open({ settings: { workdir: 'jobs' }, files: { 'jobs/x.js': '' } })
    const told = await rig.start({
      settings: { user: '1234:2345', platform: 'linux/amd64', extraHosts: ['db:10.1.2.3', 'the-host:host-gateway'], workdir: 'jobs' },
    })
    const info = await told.tell('info')
    expect([info.uid, info.gid]).toEqual([1234, 2345])
    expect(info.hosts).toMatch(/10\.1\.2\.3\s+db\n/)
    expect(info.hosts).toMatch(/\d+\.\d+\.\d+\.\d+\s+the-host\n/)
    const { cwd } = (await rig.spec()).code
    expect(cwd).toBe('/cowait/code/jobs')
    expect((await rig.inspect(told)).HostConfig.ExtraHosts).toContain('db:10.1.2.3')
  })

  it('asks for a gpu as it was written, and says when there is none; opens ports on the loopback of the engine alone', async () => {
    await using rig = await Rig.open()
    const spec = await rig.spec({ resources: { gpu: { count: 2, kind: 'nvidia' } }, ports: { 80: 0 } })
    const body = containerSpec({
      spec,
      settings: {},
      image: { id: 'sha256:0', platform: 'linux/amd64', user: '' },
      imageName: image,
      program: '/worker.js',
      codeMounts: [],
      networkId: undefined,
      timeZone: 'UTC',
      ownerLabels: {},
      defaultUser: '0:0',
      securityOptions: [],
      graceSeconds: 2,
      endMark: undefined,
    })
    expect(body.HostConfig.PortBindings).toEqual({ '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] })
    expect(body.HostConfig.DeviceRequests).toEqual([{ Driver: 'nvidia', Count: 2, Capabilities: [['gpu']] }])
    await expect(rig.start({ resources: { gpu: { count: 1 } } })).rejects.toThrow(/no gpu to give/)
    expect(await rig.left()).toEqual([])
  })

  it('looks an image up again that was removed meanwhile', async () => {
    await using rig = await Rig.open()
    const tag = `cowait-test-gone:${rig.owner}`
    const make = async (version: string): Promise<void> => {
      const id = await docker('create', image)
      await docker('commit', '-c', `ENV VERSION=${version}`, id, tag)
      await docker('rm', id)
    }
    await make('1')
    const first = await rig.start({ image: tag })
    await rig.engine.remove(first.worker.id, 0)
    await docker('rmi', tag)
    await expect(rig.start({ image: tag, settings: { pull: 'never' } })).rejects.toThrow(/is not in engine docker, and "pull" is never/)
    await make('2')
    try {
      const told = await rig.start({ image: tag })
      expect((await rig.inspect(told)).Config.Env).toContain('VERSION=2')
      await rig.engine.remove(told.worker.id, 0)
    } finally {
      await rig.removeAll()
      await docker('rmi', tag)
    }
  })

  it('keeps to the user of an image that has one of its own', async () => {
    await using rig = await Rig.open()
    const tag = `cowait-test-user:${rig.owner}`
    const id = await docker('create', image)
    await docker('commit', '-c', 'USER 4321', '-c', 'ENTRYPOINT ["false"]', '-c', 'VOLUME /extra', id, tag)
    await docker('rm', id)
    try {
      const anonymous = async (): Promise<string[]> =>
        (await docker('volume', 'ls', '-q')).split('\n').filter((name) => /^[0-9a-f]{64}$/.test(name))
      const before = await anonymous()
      const told = await rig.start({ image: tag })
      expect((await told.tell('info')).uid).toBe(4321)
      await rig.engine.remove(told.worker.id, 0)
      expect(await anonymous()).toEqual(before)
    } finally {
      await rig.removeAll()
      await docker('rmi', tag)
    }
  })
})

describeDocker('what cannot be', () => {
  const refused: [string, Partial<WorkerSpec>, RegExp][] = [
    ['a setting that does not exist', { settings: { netwrok: 'x' } }, /no setting "netwrok".*network/],
    ['a pull policy', { settings: { pull: 'sometimes' } }, /pull is "sometimes".*missing, always or never/],
    ['an image name', { image: 'Not An Image' }, /image of run-1 is "Not An Image"/],
    ['a platform', { settings: { platform: 'amd64' } }, /platform is "amd64".*linux\/arm64/],
    ['a relative volume', { mounts: [{ path: 'data', tmpfsBytes: 1 }] }, /volume "data" of run-1 must be an absolute path/],
    ['a volume over our own folder', { mounts: [{ path: '/cowait/code', tmpfsBytes: 1 }] }, /not free/],
    ['a volume name', { mounts: [{ path: '/data', volume: 'a/b', readOnly: false }] }, /can be no volume's name/],
    ['ports without a network', { ports: { 80: 0 }, settings: { network: 'none' } }, /opens port 80.*"none"/],
    ['a port', { ports: { 80: 99_999 } }, /80: 99999/],
    ['too little memory', { resources: { memoryLimit: 1000 } }, /1000 bytes/],
    ['a kind of gpu', { resources: { gpu: { count: 1, kind: 'a100' } } }, /"a100".*driver/],
    ['a working directory of its own', { settings: { workdir: '/x' } }, /whole engine/],
  ]
  it.each(refused)('is refused before anything starts: %s', async (_name, partial, message) => {
    await using rig = await Rig.open()
    const spec = await rig.spec(partial)
    expect(() => rig.engine.check(spec)).toThrow(UsageError)
    expect(() => rig.engine.check(spec)).toThrow(message)
  })

  const failing: [string, Partial<WorkerSpec>, RegExp, RegExp][] = [
    ['more memory than there is', { resources: { memoryLimit: 2 ** 50 } }, /asks for .* MiB of memory, but the engine has/, /memory/],
    ['more cores than there are', { resources: { cpuMillis: 1_000_000 } }, /asks for 1000 cores/, /cpu/],
    [
      'a volume that does not exist',
      { mounts: [{ path: '/data', volume: 'cowait-never', readOnly: false }] },
      /"cowait-never" of run-1 does not exist/,
      /docker volume create/,
    ],
    [
      'a folder that does not exist',
      { mounts: [{ path: '/data', bind: '/nowhere/at/all', readOnly: false }] },
      /\/nowhere\/at\/all does not exist/,
      /volumes/,
    ],
    [
      'a network that does not exist',
      { settings: { network: 'cowait-never' } },
      /network cowait-never does not exist/,
      /docker network create/,
    ],
    ['a user that does not exist', { settings: { user: 'nobody-at-all' } }, /user nobody-at-all does not exist/, /1000:1000/],
    [
      'an image that must not be pulled',
      { image: 'cowait-never:1', settings: { pull: 'never' } },
      /"cowait-never:1" is not in engine docker/,
      /pull/,
    ],
    [
      'a platform that the image is not for',
      { settings: { platform: 'linux/arm64', pull: 'never' } },
      /is for linux\/amd64, but "platform" is linux\/arm64/,
      /image/,
    ],
  ]
  it.each(failing)('is one clear error, and nothing is left: %s', async (_name, partial, message, hint) => {
    await using rig = await Rig.open()
    const error = await rig.start(partial).then(
      () => undefined,
      (reason: unknown) => reason as EngineError,
    )
    expect(error).toBeInstanceOf(EngineError)
    expect(error?.message).toMatch(message)
    expect(error?.hint).toMatch(hint)
    expect(await rig.left()).toEqual([])
  })

  it('refuses a limit that an engine without control groups would not hold', async () => {
    await using rig = await Rig.open()
    const info = JSON.parse(await docker('info', '--format', '{{json .}}')) as Parameters<typeof checkRoom>[1]
    const limited = [await rig.spec({ resources: { memoryLimit: 64 << 20 } }), await rig.spec({ resources: { cpuMillis: 500 } })]
    for (const spec of limited) {
      expect(() => checkRoom(spec, { ...info, CgroupDriver: 'none' })).toThrow(
        /limits "(memory|cpu)", but this engine cannot hold anybody to it/,
      )
      expect(() => checkRoom(spec, info)).not.toThrow()
    }
  })

  it('names an image without a shell, and one without Node', async () => {
    await using rig = await Rig.open()
    const folder = join(rig.project.folder, 'images')
    mkdirSync(join(folder, 'empty'), { recursive: true })
    const make = (source: string, tag: string): void =>
      void execFileSync('sh', ['-c', `tar -C ${source} -c . | docker import - ${tag}`], { stdio: 'ignore' })
    const [empty, bare] = [`cowait-test-empty:${rig.owner}`, `cowait-test-bare:${rig.owner}`]
    make(join(folder, 'empty'), empty)
    const id = await docker('create', image)
    await docker('commit', '-c', 'ENV PATH=/usr/bin:/bin', id, bare)
    await docker('rm', id)
    try {
      await expect(rig.start({ image: empty })).rejects.toThrow(/has no shell/)
      const told = await rig.start({ image: bare })
      expect(await told.worker.exited).toEqual({ how: 'exited', code: 127, detail: `image "${bare}" has no program "node"` })
      expect(await told.printed).toBe('node: not found in this image\n')
    } finally {
      await rig.removeAll()
      await docker('rmi', empty, bare)
    }
  })
})

function hello(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    connect(port, '127.0.0.1')
      .on('data', (data) => resolve(data.toString()))
      .on('error', reject)
  })
}
