import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createSocketServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { EngineError, UsageError } from '../../../src/core/errors.ts'
import { createDockerEngine } from '../../../src/engines/docker/docker-engine.ts'
import { probeDocker } from '../../../src/engines/docker/probe-docker.ts'
import { describeDocker, makeProject, Rig } from './rig.ts'
import { SecondDaemon } from './second-daemon.ts'

const open = (host: string, env: NodeJS.ProcessEnv = {}): Promise<unknown> =>
  createDockerEngine({
    owner: 'test',
    runtimeDirectory: tmpdir(),
    settings: host === '' ? {} : { host },
    env,
    connectMs: 1500,
    prepare: true,
  })

async function rigOn({ host }: SecondDaemon, owner: string, limits: { readonly answerMs?: number } = {}): Promise<Rig> {
  const project = makeProject()
  const { runtimeDirectory } = project
  return Rig.around(project, await createDockerEngine({ owner, runtimeDirectory, settings: { host, network: 'none' }, ...limits }), owner)
}

describeDocker('an engine that breaks', () => {
  it('restarted under a worker: the worker is lost, and the next one starts', async () => {
    await using daemon = await SecondDaemon.start()
    daemon.loadImage()
    await using rig = await rigOn(daemon, 'test-restart')
    const [told, other] = await Promise.all([rig.start(), rig.start()])
    await told.tell('print', 'last words\n')
    const from = Date.now()
    await daemon.down('SIGKILL')
    const exit = await told.worker.exited
    expect(['lost', 'killed']).toContain(exit.how)
    expect(Date.now() - from).toBeLessThan(15_000)
    expect(await told.printed).toBe('last words\n')
    expect(await told.next()).toBeUndefined()
    await expect(rig.engine.remove(other.worker.id, 0)).rejects.toThrow(/No Docker engine runs at/)
    await daemon.up()
    await rig.engine.remove(told.worker.id, 0)
    await rig.engine.remove(other.worker.id, 0)
    const next = await rig.start()
    expect(await next.tell('ready')).toBe('yes')
    next.send('exit', 4)
    expect(await next.worker.exited).toEqual({ how: 'exited', code: 4 })
    await rig.engine.remove(next.worker.id, 0)
    await expect.poll(() => daemon.docker('ps', '-a', '--format', '{{.Names}} {{.Status}}'), { timeout: 20_000 }).toBe('')
  }, 120_000)

  it('stuck: every call ends with what was asked and for how long, and it is used again when it answers', async () => {
    await using daemon = await SecondDaemon.start()
    daemon.loadImage()
    await using rig = await rigOn(daemon, 'test-stuck', { answerMs: 3000 })
    const told = await rig.start()
    await daemon.freeze()
    try {
      const silent = /^The Docker engine at unix:\S+ has not answered (?:GET|POST|DELETE) \/\S+ for 3 s\.$/
      const refused = async (work: Promise<unknown>): Promise<void> => {
        const error = await work.then(
          () => undefined,
          (reason: unknown) => reason as EngineError,
        )
        expect(error?.message).toMatch(silent)
        expect(error?.hint).toMatch(/restart it/)
      }
      await Promise.all([refused(rig.start()), refused(rig.engine.list({ owner: 'test-stuck' })), refused(rig.engine.sweep())])
      // The channel does not go through the daemon's API.
      await refused(rig.engine.remove(told.worker.id, 0))
    } finally {
      daemon.thaw()
    }
    const next = await rig.start()
    expect(await next.tell('ready')).toBe('yes')
    for (const { id } of await rig.engine.list({ owner: 'test-stuck' })) await rig.engine.remove(id, 0)
    await expect.poll(() => daemon.docker('ps', '-a', '--format', '{{.Names}} {{.Status}}'), { timeout: 20_000 }).toBe('')
  }, 120_000)

  it('with a full disk: the start fails with the cause, and works when there is room', async () => {
    await using daemon = await SecondDaemon.start({ diskBytes: 600 << 20 })
    daemon.loadImage()
    await using rig = await rigOn(daemon, 'test-full')
    await rig.start().then(({ worker }) => rig.engine.remove(worker.id, 0))
    const filler = join(daemon.folder, 'data/filler')
    execFileSync('sh', ['-c', `dd if=/dev/zero of=${filler} bs=64k 2>/dev/null; true`])
    const error = await rig.start().then(
      () => undefined,
      (reason: unknown) => reason as EngineError,
    )
    expect(error?.message).toBe("The engine's disk is full.")
    expect(error?.hint).toMatch(/docker system prune/)
    rmSync(filler)
    await expect.poll(() => daemon.docker('ps', '-a', '--format', '{{.Names}} {{.Status}}'), { timeout: 20_000 }).toBe('')
    expect(await rig.start().then((told) => told.tell('ready'))).toBe('yes')
  }, 120_000)
})

describeDocker('no engine to speak to', () => {
  const failing: [string, string, RegExp, RegExp][] = [
    ['nothing there', 'unix:///nowhere/docker.sock', /No Docker engine runs at unix:\/\/\/nowhere/, /--engine process/],
    ['nobody listens', 'tcp://127.0.0.1:9', /No Docker engine runs at tcp:\/\/127\.0\.0\.1:9/, /DOCKER_HOST/],
    ['a host that does not exist', 'tcp://nowhere.invalid:2375', /is not known|failed/, /DOCKER_HOST|docker version/],
  ]
  it.each(failing)('is one clear error: %s', async (_name, host, message, hint) => {
    const error = await open(host).then(
      () => undefined,
      (reason: unknown) => reason as EngineError,
    )
    expect(error).toBeInstanceOf(EngineError)
    expect(error?.message).toMatch(message)
    expect(error?.hint).toMatch(hint)
  })

  it.each(['docker.sock', 'unix://relative', 'tcp://', 'ftp://host', 'tcp://host:99999', 'ssh://-oProxyCommand=x'])(
    'refuses %s as an address',
    async (host) => {
      await expect(open(host)).rejects.toThrow(UsageError)
      await expect(open(host)).rejects.toThrow(/setting host is .* which is no address/)
      await expect(open('', { DOCKER_HOST: host })).rejects.toThrow(/DOCKER_HOST is .* which is no address/)
    },
  )

  it('tells something else from an engine, an old one, and one that never answers', async () => {
    const web = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1')
    const old = createServer((_request, response) => response.setHeader('api-version', '1.24').end('OK')).listen(0, '127.0.0.1')
    const asked: string[] = []
    const future = createServer((request, response) => {
      asked.push(request.url ?? '')
      response.setHeader('content-type', 'application/json').setHeader('api-version', '1.99')
      response.end(request.url === '/version' ? '{"ApiVersion":"1.99","MinAPIVersion":"1.90"}' : '{}')
    }).listen(0, '127.0.0.1')
    const stuck = createServer((request, response) => {
      if (request.url === '/_ping') response.setHeader('api-version', '1.41').end('OK')
    }).listen(0, '127.0.0.1')
    const sockets = new Set<{ destroy(): void }>()
    const mute = createSocketServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1')
    const at = (server: { address(): unknown }): string => `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
    await Promise.all([web, old, future, mute, stuck].map(async (server) => server.listening || (await once(server, 'listening'))))
    try {
      await expect(open(at(web))).rejects.toThrow(/is no Docker engine/)
      await expect(open(at(old))).rejects.toThrow(/too old: its API is 1\.24, cowait needs 1\.40/)
      await createDockerEngine({ owner: 'test', runtimeDirectory: tmpdir(), settings: { host: at(future) }, env: {} }).then((engine) =>
        engine.close(),
      )
      expect(asked).toEqual(['/_ping', '/version', '/v1.90/info'])
      await expect(open(at(mute))).rejects.toThrow(/does not answer/)
      await expect(open(at(stuck))).rejects.toThrow(/does not answer/)
      expect(await probeDocker({ settings: { host: at(mute) }, timeoutMs: 200 })).toMatchObject({
        ok: false,
        reason: expect.stringMatching(/does not answer/),
      })
      expect(await probeDocker({ settings: { host: 'nonsense' } })).toMatchObject({ ok: false })
    } finally {
      web.close()
      old.close()
      future.close()
      mute.close()
      stuck.close()
      stuck.closeAllConnections()
      for (const socket of sockets) socket.destroy()
    }
  })

  it('says when there is no permission', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cowait-socket-'))
    const path = join(folder, 'docker.sock')
    const server = createServer(() => {}).listen(path)
    await new Promise((resolve) => server.once('listening', resolve))
    chmodSync(path, 0)
    chmodSync(folder, 0o755)
    const uid = process.geteuid?.()
    try {
      // Root may everything; so it steps down for a moment.
      if (uid === 0) process.seteuid?.(65_534)
      const error = await open(`unix://${path}`).then(
        () => undefined,
        (reason: unknown) => reason as EngineError,
      )
      expect(error?.message).toMatch(/^No permission to use the Docker engine/)
      expect(error?.hint).toMatch(/usermod -aG docker/)
    } finally {
      if (uid === 0) process.seteuid?.(0)
      server.close()
      rmSync(folder, { recursive: true })
    }
  })
})
