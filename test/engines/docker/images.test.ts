import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StartPhase } from '../../../src/core/engine.ts'
import { EngineError } from '../../../src/core/errors.ts'
import { DockerClient } from '../../../src/engines/docker/docker-client.ts'
import { findEndpoint } from '../../../src/engines/docker/endpoint.ts'
import { Images, type ImageWish } from '../../../src/engines/docker/images.ts'
import { hasProgram } from './available.ts'
import { describeDocker, docker } from './rig.ts'
import { freePort } from './second-daemon.ts'

/** `user` with the password `secret`, as htpasswd -B writes it. */
const passwords = 'user:$2y$05$wYpV4/8MImSAZhA5l41hKedyF30JaTzQ7NbMk3d2q2z42rMCeBMMq\n'
const describeRegistry = hasProgram('the program docker-registry', 'docker-registry', '--version') ? describeDocker : describe.skip

describeRegistry('images from a registry with a login', () => {
  let folder: string
  let registry: string
  let server: ChildProcess
  let client: DockerClient
  /** Docker as somebody who has logged in. */
  let loggedIn: string

  const publish = async (name: string, ...changes: string[]): Promise<string> => {
    const content = join(folder, 'content')
    rmSync(content, { recursive: true, force: true })
    mkdirSync(content)
    writeFileSync(join(content, 'noise'), randomBytes(3 << 20))
    execFileSync(
      'sh',
      ['-c', `tar -C ${content} -c . | docker import ${changes.map((change) => `-c '${change}'`).join(' ')} - ${registry}/${name}`],
      { stdio: 'ignore' },
    )
    await docker('--config', loggedIn, 'push', `${registry}/${name}`)
    const id = await docker('image', 'inspect', '-f', '{{.Id}}', `${registry}/${name}`)
    await docker('rmi', `${registry}/${name}`)
    return id
  }

  const find = async (wish: Partial<ImageWish> & { name: string }, config: string, phases: StartPhase[] = []): ReturnType<Images['find']> =>
    finder(config).find({ policy: 'missing', platform: undefined, ...wish }, AbortSignal.timeout(20_000), (phase) => phases.push(phase))
  const finder = (config: string): Images => new Images(client, 'x86_64', { ...process.env, DOCKER_CONFIG: config })

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cowait-registry-'))
    const port = await freePort()
    registry = `127.0.0.1:${port}`
    writeFileSync(join(folder, 'passwords'), passwords)
    writeFileSync(
      join(folder, 'config.yml'),
      `version: 0.1\nlog: { accesslog: { disabled: true } }\nstorage: { filesystem: { rootdirectory: ${folder}/data } }\nhttp: { addr: "${registry}" }\nauth: { htpasswd: { realm: test, path: ${folder}/passwords } }\n`,
    )
    server = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: 'ignore' })
    for (let tries = 0; tries < 100; tries++) {
      if (
        await fetch(`http://${registry}/v2/`).then(
          (response) => response.status === 401,
          () => false,
        )
      )
        break
      await pause(100)
    }
    loggedIn = join(folder, 'logged-in')
    await docker('--config', loggedIn, 'login', '-u', 'user', '-p', 'secret', registry)
    client = await DockerClient.connect(await findEndpoint({}, {}), AbortSignal.timeout(5000))
  })

  afterAll(async () => {
    client.close()
    server.kill()
    rmSync(folder, { recursive: true })
    const left = (await docker('images', '--format', '{{.Repository}} {{.ID}}')).split('\n').filter((line) => line.startsWith(registry))
    if (left.length > 0) await docker('rmi', ...left.map((line) => line.split(' ')[1] ?? ''))
  })

  it('are pulled when missing, with progress that only grows', async () => {
    const id = await publish('app:1')
    const phases: StartPhase[] = []
    const name = `${registry}/app:1`
    expect(await find({ name }, loggedIn, phases)).toEqual({ id, platform: 'linux/amd64', user: '' })
    expect(phases[0]).toEqual({ phase: 'pulling', detail: name })
    const fractions = phases.flatMap(({ fraction }) => fraction ?? [])
    expect(fractions.length).toBeGreaterThan(0)
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b))
    expect(fractions.at(-1)).toBe(1)
    const again: StartPhase[] = []
    await find({ name }, loggedIn, again)
    expect(again).toEqual([])
    await docker('rmi', name)
  })

  it('are refused to who has not logged in or is wrong, with the fix', async () => {
    const name = `${registry}/app:1`
    const nobody = join(folder, 'nobody')
    const error = await find({ name }, nobody).then(
      () => undefined,
      (reason: unknown) => reason as EngineError,
    )
    expect(error).toBeInstanceOf(EngineError)
    expect(error?.message).toMatch(/was not given by 127\.0\.0\.1/)
    expect(error?.hint).toBe(`Log in with "docker login ${registry}", or check the image's name.`)
    const wrong = join(folder, 'wrong')
    mkdirSync(wrong)
    writeFileSync(
      join(wrong, 'config.json'),
      JSON.stringify({ auths: { [registry]: { auth: Buffer.from('user:wrong').toString('base64') } } }),
    )
    await expect(find({ name }, wrong)).rejects.toThrow(/was not given by/)
    await expect(find({ name: `${registry}/never:1` }, loggedIn)).rejects.toThrow(/was not found in 127/)
    await expect(find({ name: '127.0.0.1:9/never:1' }, nobody)).rejects.toThrow(/cannot reach 127\.0\.0\.1:9/)
    await expect(find({ name, policy: 'never' }, loggedIn)).rejects.toThrow(/is not in engine docker, and "pull" is never/)
  })

  it('use a credential helper, for one registry or for all', async () => {
    const name = `${registry}/app:1`
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    const program = join(bin, 'docker-credential-test')
    writeFileSync(
      program,
      `#!/bin/sh\nread server\necho "$1 $server" >> ${folder}/asked\ncase "$server" in ${registry}) echo '{"Username":"user","Secret":"secret"}';; *) echo "credentials not found in native keychain"; exit 1;; esac\n`,
    )
    chmodSync(program, 0o755)
    const path = process.env.PATH
    process.env.PATH = `${bin}:${path}`
    try {
      for (const [at, config] of [{ credHelpers: { [registry]: 'test' } }, { credsStore: 'test' }].entries()) {
        const own = join(folder, `helper-${at}`)
        mkdirSync(own)
        writeFileSync(join(own, 'config.json'), JSON.stringify(config))
        await find({ name }, own)
        await docker('rmi', name)
      }
      expect(readFileSync(join(folder, 'asked'), 'utf8')).toBe(`get ${registry}\n`.repeat(2))
      const missing = join(folder, 'helper-missing')
      mkdirSync(missing)
      writeFileSync(join(missing, 'config.json'), '{"credsStore":"never-there"}')
      await expect(find({ name }, missing)).rejects.toThrow(/docker-credential-never-there .* could not be started/)
      // It is asked for without a login: most images are for everybody.
      await expect(find({ name: '127.0.0.1:9/app:1' }, missing)).rejects.toThrow(/cannot reach 127\.0\.0\.1:9/)
    } finally {
      process.env.PATH = path
    }
  })

  it('stay the same for a whole tree of runs, though the tag moves', async () => {
    const name = `${registry}/moving:latest`
    const first = await publish('moving:latest')
    const tree = finder(loggedIn)
    const signal = AbortSignal.timeout(20_000)
    const wish = { name, policy: 'always' as const, platform: undefined }
    const [one, two] = await Promise.all([tree.find(wish, signal, () => {}), tree.find(wish, signal, () => {})])
    expect([one.id, two.id]).toEqual([first, first])
    await docker('tag', name, `${registry}/kept:1`)
    const second = await publish('moving:latest')
    expect(second).not.toBe(first)
    expect((await tree.find(wish, signal, () => {})).id).toBe(first)
    expect((await find({ name, policy: 'always' }, loggedIn)).id).toBe(second)
    await docker('rmi', name, `${registry}/kept:1`)
  })

  it('give up a pull when nobody waits for it any more', async () => {
    const tree = finder(loggedIn)
    const controllers = [new AbortController(), new AbortController()]
    const waiting = controllers.map(({ signal }) =>
      tree
        .find({ name: `${registry}/app:1`, policy: 'always', platform: undefined }, signal, () => {})
        .then(
          () => 'found',
          (error: Error) => error.message,
        ),
    )
    controllers[0]?.abort(new Error('given up'))
    expect(await waiting[0]).toBe('given up')
    expect(await waiting[1]).toBe('found')
    await docker('rmi', `${registry}/app:1`)
  })

  it('are refused for another platform, or with a Node that is too old', async () => {
    await publish('old:1', 'ENV NODE_VERSION=18.20.1')
    await expect(find({ name: `${registry}/old:1` }, loggedIn)).rejects.toThrow(/has Node 18\.20\.1, but a worker needs/)
    await docker('rmi', `${registry}/old:1`)
    await expect(find({ name: `${registry}/app:1`, platform: 'linux/arm64' }, loggedIn)).rejects.toThrow(
      /is for linux\/amd64, but "platform" is linux\/arm64|not offered for the wanted platform/,
    )
    const arm = new Images(client, 'aarch64', { ...process.env, DOCKER_CONFIG: loggedIn })
    await expect(
      arm.find({ name: `${registry}/app:1`, policy: 'missing', platform: undefined }, AbortSignal.timeout(9000), () => {}),
    ).rejects.toThrow(/is for linux\/amd64, but the engine is linux\/arm64/)
    await docker('rmi', `${registry}/app:1`).catch(() => {})
  })
})
