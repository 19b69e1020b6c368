import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { docker } from '../engines/docker/rig.ts'
import { hasDocker } from '../engines/docker/available.ts'
import { SecondDaemon } from '../engines/docker/second-daemon.ts'
import { cowait, descendants, gone, Invocation, TestProject, type Ended } from './cowait.ts'
import { COLUMNS, hasScript, PseudoTerminal, ROWS, workInShell } from './pseudo-terminal.ts'

let project: TestProject

beforeAll(() => {
  project = new TestProject()
})

afterAll(() => project[Symbol.dispose]())

const at = (...args: string[]): Promise<Ended> => cowait(args, { cwd: project.root })

interface Listed {
  readonly id: string
  readonly status: string
  readonly memoryBytes?: number
}

/** Started by the test, whoever else runs things here. */
async function left(id: string): Promise<Listed[]> {
  return (JSON.parse((await at('ps', '--json')).stdout) as Listed[]).filter((one) => one.id === id)
}

describe.skipIf(!hasDocker())('the folder of the program', { timeout: 120_000 }, () => {
  test.each(['writes', 'asks'])('cannot be written to, and the error says where to: %s', async (name) => {
    project.write(
      'writing.ts',
      `import { writeFileSync } from 'node:fs'
import { task } from 'cowait'
export const writes = task(async () => writeFileSync('result.txt', 'written'))
export const asks = task(async () => await writes())
`,
    )
    const { code, stderr } = await at('run', `writing:${name}`, '--engine', 'docker', '--image', 'node:24-slim')
    expect(stderr).toMatch(/EROFS.*result\.txt'\n(?:.*\n)*.*write to the scratch folder, os\.tmpdir\(\) \(here \/tmp\)/)
    expect(code).toBe(1)
  })
})

describe.skipIf(!hasDocker())('--keep-failed', { timeout: 120_000 }, () => {
  test('keeps the container of the run that failed, to look into and to remove, and no other', async () => {
    const args = ['--engine', 'docker', '--image', 'node:24-slim', '--keep-failed']
    const { code, stderr } = await at('run', 'outcomes:outer', ...args)
    expect(code).toBe(1)
    expect(stderr).toMatch(/2 containers, 0 left, 1 kept\n$/)
    const [, id = ''] = /"cowait shell (failing-\w+)" looks inside/.exec(stderr) ?? []
    expect(stderr.match(/looks inside/g)).toHaveLength(1)
    expect(await left(id)).toMatchObject([{ status: 'kept', engine: 'docker', memoryBytes: expect.any(Number) as number }])

    expect(await at('shell', id, 'sh', '-c', 'ls outcomes.ts; echo late >&2; exit 5')).toEqual({
      code: 5,
      stdout: 'outcomes.ts\n',
      stderr: 'late\n',
    })
    expect(await at('kill', id)).toMatchObject({ code: 2, stderr: expect.stringContaining(`cowait rm ${id}`) as string })
    expect(await at('rm', id.slice(0, -1))).toEqual({ code: 0, stdout: '', stderr: `${id} is gone\n` })
    expect(await left(id)).toEqual([])
  })

  test('keeps what timed out and what was lost, until prune --kept', async () => {
    project.write(
      'ending.ts',
      `import { task, delay } from 'cowait'
export const late = task({ timeout: '2s', run: () => delay('1h') })
export const lost = task(async () => process.kill(process.pid, 'SIGKILL'))
`,
    )
    const failing = async (name: string): Promise<string> => {
      const { stderr } = await at('run', `ending:${name}`, '--engine', 'docker', '--image', 'node:24-slim', '--keep-failed')
      return /"cowait shell (\S+)" looks inside/.exec(stderr)?.[1] ?? `nothing was kept:\n${stderr}`
    }
    const ids = [await failing('late'), await failing('lost')]
    for (const id of ids) {
      expect(await at('shell', id, 'cat', 'ending.ts')).toMatchObject({ code: 0, stdout: expect.stringContaining("'1h'") as string })
    }
    expect((await at('prune', '--no-cache', '--wait', '1m')).code).toBe(0)
    for (const id of ids) expect(await left(id)).toMatchObject([{ status: 'kept' }])
    expect((await at('prune', '--kept', '--no-cache', '--wait', '1m')).code).toBe(0)
    for (const id of ids) expect(await left(id)).toEqual([])
  })

  test('keeps nothing of a run that is done', async () => {
    const { code, stderr } = await at('run', 'single', '--engine', 'docker', '--image', 'node:24-slim', '--keep-failed')
    expect(code).toBe(0)
    expect(stderr).not.toContain('looks inside')
  })
})

const inDocker = ['--engine', 'docker', '--image', 'node:24-slim']

/** Containers of a supervisor, networks of ours: what the engine still has. */
async function leftInEngine(): Promise<string> {
  const containers = await docker('ps', '-a', '--format', '{{.Names}}', '--filter', 'label=cowait.worker')
  return containers + (await docker('network', 'ls', '--format', '{{.Name}}', '--filter', 'label=cowait.network'))
}

interface Told {
  readonly type: string
  readonly engine?: string
  readonly text?: string
  readonly output?: unknown
}

describe.skipIf(!hasDocker())('a run in containers', { timeout: 120_000 }, () => {
  test('of a program that cannot be compiled, or that is stopped as soon as the engine has anything of it, leaves nothing in the engine', async () => {
    const { code, stderr } = await at('run', 'syntax-error:broken', ...inDocker)
    expect(code).toBe(2)
    expect(stderr).toContain('syntax-error.ts')
    await expect.poll(leftInEngine, { timeout: 20_000 }).toBe('')
    const stopped = new Invocation(['run', 'outcomes:slow', ...inDocker], { cwd: project.root })
    await expect
      .poll(() => docker('network', 'ls', '-q', '--filter', 'label=cowait.network'), { timeout: 20_000, interval: 5 })
      .not.toBe('')
    stopped.child.kill('SIGINT')
    expect(await stopped.ended).toMatchObject({ code: 130 })
    await expect.poll(leftInEngine, { timeout: 20_000 }).toBe('')
  })

  test('shows neither inputs nor variables to who looks at the processes of its container', async () => {
    const secrets = ['-i', 'password=hunter2', '--env', 'SECRET=sesame']
    const { code, stdout } = await at('run', 'mixed:guarded', ...inDocker, ...secrets)
    expect(code).toBe(0)
    const { seen, secret } = JSON.parse(stdout) as { seen: string; secret: string }
    expect(secret).toBe('sesame')
    // The guard, what carries the channel, and the worker were all looked at.
    expect(seen).toMatch(/sh -c/)
    expect(seen).toMatch(/cat/)
    expect(seen).toMatch(/worker\.js/)
    expect(seen).toContain('TMPDIR=/tmp')
    expect(seen).not.toMatch(/hunter2|sesame/)
    const names = [...seen.matchAll(/\b([A-Z_]+)=/g)].flatMap(([, name = '']) => (/^(NODE|YARN)_VERSION$/.test(name) ? [] : [name]))
    expect(new Set(names)).toEqual(new Set(['HOME', 'HOSTNAME', 'LANG', 'PATH', 'PWD', 'TMPDIR', 'TZ']))
  })
})

describe.skipIf(!hasDocker())('the first run of a project', { timeout: 120_000 }, () => {
  test('makes as many containers as it has runs, and removes them', async () => {
    using fresh = new TestProject()
    fresh.write(
      'pair.ts',
      `import { task, join } from 'cowait'
export const one = task(async () => 1)
export const pair = task(async () => await join([one(), one()]))
`,
    )
    const since = String(Date.now() / 1000)
    const args = ['run', 'pair:pair', '--engine', 'docker', '--image', 'node:24-slim', '--ndjson']
    const { code, stdout } = await cowait(args, { cwd: fresh.root })
    expect(code).toBe(0)
    const runs = [...stdout.matchAll(/"type":"created".*"run":"([^"]+)"/g)].map(([, run]) => run)
    expect(runs).toHaveLength(3)
    const format = '{{.Action}} {{index .Actor.Attributes "cowait.name"}}'
    const span = ['--since', since, '--until', String(Date.now() / 1000), '--filter', 'type=container', '--filter', 'label=cowait.owner']
    const events = (await docker('events', ...span, '--format', format)).split('\n')
    for (const action of ['create', 'start', 'die', 'destroy']) {
      const names = events.flatMap((line) => (line.startsWith(`${action} `) ? [line.slice(action.length + 1)] : []))
      expect(names.toSorted(), action).toEqual(runs.toSorted())
    }
  })
})

describe.skipIf(!hasDocker())('a tree of runs in two engines', { timeout: 120_000 }, () => {
  test('goes from processes into containers and back, in one stream of events', async () => {
    const { code, stdout } = await at('run', 'mixed:fromProcess', '--engine', 'process', '--ndjson')
    expect(code).toBe(0)
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Told)
    expect(events.at(-1)).toMatchObject({ type: 'result', output: ['process', 'container', 'process'] })
    expect(events.flatMap(({ type, engine }) => (type === 'created' ? [engine] : []))).toEqual(['process', 'docker', 'process'])
    expect(events.flatMap(({ type, text }) => (type === 'log' ? [text] : []))).toEqual(['boxed in container', 'leaf in process'])
    await expect.poll(leftInEngine, { timeout: 20_000 }).toBe('')
  })

  test('begins in a container as well', async () => {
    const { code, stdout, stderr } = await at('run', 'mixed:boxed', ...inDocker)
    expect({ code, stdout }).toEqual({ code: 0, stdout: '["container","process"]\n' })
    expect(stderr).toMatch(/ 0 left\n$/)
    const both = await at('run', 'mixed:twoBoxes', '--engine', 'process')
    expect(both).toMatchObject({ code: 0, stdout: '["process","container","process","container"]\n' })
    await expect.poll(leftInEngine, { timeout: 20_000 }).toBe('')
  })

  test('has no more of the host below a container than definitions say', async () => {
    const { code, stdout } = await at('run', 'mixed:breaksOut', ...inDocker)
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual([
      expect.stringMatching(
        /leaf-\w+ was not started: its caller breaks-out-\w+ is on engine docker.* engine "process", which is the host/,
      ),
      expect.stringMatching(/leaf-\w+ was not started: .* cannot name a folder of the host, "\/" for \/host/),
    ])
  })

  test('gives each engine what the config says about it, and nothing of another', async () => {
    using mixed = new TestProject()
    const run = async (engine: string, config: object): Promise<Ended> => {
      mixed.write('cowait.config.json', JSON.stringify(config))
      const name = engine === 'docker' ? 'mixed:boxed' : 'mixed:fromProcess'
      return await cowait(['run', name, '--engine', engine, '--image', 'node:24-slim'], { cwd: mixed.root })
    }
    const cluster = { engine: 'kubernetes', namespace: 'team' }
    expect(await run('process', cluster)).toMatchObject({ code: 0, stdout: '["process","container","process"]\n' })
    expect(await run('docker', cluster)).toMatchObject({ code: 0, stdout: '["container","process"]\n' })
    const nobody = { engine: 'docker', host: 'tcp://127.0.0.1:9' }
    const refused = { code: 1, stderr: expect.stringContaining('127.0.0.1:9') as string }
    expect(await run('process', { ...cluster, clusters: { lab: nobody } })).toMatchObject(refused)
    expect(await run('process', { ...nobody, clusters: { far: cluster } })).toMatchObject(refused)
    expect(await run('process', { ...cluster, clusters: { lab: nobody, other: { engine: 'docker' } } })).toMatchObject({ code: 0 })
  })

  test('ends as a whole with one Ctrl-C', async () => {
    const invocation = new Invocation(['run', 'mixed:fromProcess', '--engine', 'process', '-i', 'seconds=600'], { cwd: project.root })
    await invocation.shows('leaf in process')
    const pids = descendants(invocation.child.pid ?? 0)
    expect(await docker('ps', '-q', '--filter', 'label=cowait.worker')).not.toBe('')
    invocation.child.kill('SIGINT')
    expect(await invocation.ended).toMatchObject({ code: 130 })
    await gone(pids)
    await expect.poll(leftInEngine, { timeout: 20_000 }).toBe('')
  })
})

describe.skipIf(!hasDocker())('a run in a container', { timeout: 120_000 }, () => {
  test.runIf(hasScript)('has a shell inside, on a terminal, that Ctrl-C does not end; and is killed from elsewhere', async () => {
    const args = ['run', 'outcomes:deep', '-i', 'depth=0', '--engine', 'docker', '--image', 'node:24-slim']
    const invocation = new Invocation(args, { cwd: project.root })
    await invocation.shows('| ready')
    const [, id = ''] = /^(deep-\w+)/m.exec(invocation.stderr) ?? []
    const shell = new PseudoTerminal(['shell', id], { cwd: project.root })
    await workInShell(shell)
    expect(await shell.ended).toBe(7)
    expect(shell.text).toContain(`${ROWS} ${COLUMNS}`)
    expect((await at('kill', id)).code).toBe(0)
    expect(await invocation.ended).toMatchObject({ code: 130, stderr: expect.stringMatching(/1 container, 0 left\n$/) as string })
  })

  test.each(['kill', 'rm'])('whose supervisor is gone with its guard is taken away by %s', async (command) => {
    const args = ['run', 'outcomes:deep', '-i', 'depth=0', '--engine', 'docker', '--image', 'node:24-slim']
    const invocation = new Invocation(args, { cwd: project.root })
    await invocation.shows('| ready')
    const [, label = ''] = /^(deep-\w+)/m.exec(invocation.stderr) ?? []
    const [alive] = JSON.parse((await at('ps', '--json')).stdout).filter((one: Listed) => one.id.startsWith(label)) as Listed[]
    const id = alive?.id ?? ''
    expect(await at('rm', id)).toMatchObject({ code: 2, stderr: expect.stringContaining('is alive') as string })
    // What stands still does not see that nobody is there any more.
    const [container] = (await docker('ps', '--quiet', '--filter', `name=^${id}`)).split('\n')
    await docker('pause', container ?? '')
    const pid = invocation.child.pid ?? 0
    const pids = [...descendants(pid), pid]
    for (const one of pids) process.kill(one, 'SIGKILL')
    await invocation.ended
    await gone(pids)
    expect(await left(id)).toMatchObject([{ status: 'abandoned', engine: 'docker' }])
    expect(await at(command, id)).toMatchObject({ code: 0, stderr: `${id} is gone\n` })
    expect(await left(id)).toEqual([])
    // The private folder of the one that was killed.
    expect((await at('prune', '--no-cache', '--wait', '1m')).code).toBe(0)
  })

  test('volumes that code was sent in go with prune, unless they are to stay', async () => {
    await using daemon = await SecondDaemon.start()
    const prune = (...flags: string[]): Promise<Ended> =>
      cowait(['prune', '--wait', '1m', ...flags], { cwd: project.root, env: { DOCKER_HOST: daemon.host } })
    const volumes = async (): Promise<string> => await daemon.docker('volume', 'ls', '-q')
    await daemon.docker('volume', 'create', '--label', 'cowait.content=hash', 'cowait-code-hash')
    await daemon.docker('volume', 'create', 'of-the-user')
    expect(await prune('--no-cache')).toMatchObject({ code: 0, stderr: expect.not.stringContaining('volume') as string })
    expect(await volumes()).toBe('cowait-code-hash\nof-the-user')
    expect(await prune()).toMatchObject({ code: 0, stderr: expect.stringContaining('1 volume of code') as string })
    expect(await volumes()).toBe('of-the-user')
  })
})
