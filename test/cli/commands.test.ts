import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cowait, gone, descendants, Invocation, TestProject, type Ended } from './cowait.ts'
import { COLUMNS, hasScript, PseudoTerminal, ROWS, workInShell } from './pseudo-terminal.ts'

let project: TestProject

beforeAll(() => {
  project = new TestProject()
})

afterAll(() => project[Symbol.dispose]())

/** What is alive and left is told without asking the Docker engine, which others keep busy. */
const withoutDocker = { DOCKER_HOST: 'unix:///nowhere/docker.sock' }
const alone = (...args: string[]): Promise<Ended> => cowait(args, { cwd: project.root, env: withoutDocker })

const listed = async (): Promise<{ id: string; status: string }[]> =>
  JSON.parse((await alone('ps', '--json')).stdout) as { id: string; status: string }[]

/** A worker that stands still, of a supervisor that is gone with its guard. */
async function abandonOne(): Promise<{ id: string; worker: number }> {
  const invocation = new Invocation(['run', 'outcomes:deep', '-i', 'depth=0'], { cwd: project.root })
  await invocation.shows('| ready')
  const [, label = ''] = /^(deep-\w+)/m.exec(invocation.stderr) ?? []
  const { id = '' } = (await listed()).find((one) => one.id.startsWith(label)) ?? {}
  const pid = invocation.child.pid ?? 0
  const pids = descendants(pid)
  const workers = pids.filter(isWorker)
  // What stands still does not see that nobody is there any more.
  for (const one of [...workers, pid]) process.kill(one, 'SIGSTOP')
  for (const one of [...pids.filter((each) => !workers.includes(each)), pid]) process.kill(one, 'SIGKILL')
  await invocation.ended
  expect(workers).toHaveLength(1)
  return { id, worker: workers[0] ?? 0 }
}

function isWorker(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes('COWAIT_WORKER=')
  } catch {
    return false
  }
}

const run = (...args: string[]): Promise<Ended> => cowait(args, { cwd: project.root })

test('--version says the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  expect(await run('--version')).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' })
})

test('help fits one screen and has examples', async () => {
  const { code, stdout } = await run('--help')
  expect(code).toBe(0)
  expect(stdout.split('\n').length).toBeLessThanOrEqual(40)
  expect(stdout).toContain('Examples:')
})

test("a task's own help shows its inputs with types, defaults and descriptions, and what it returns", async () => {
  const { code, stdout } = await run('run', 'resize', '--help')
  expect(code).toBe(0)
  expect(stdout).toContain('Makes smaller images.')
  expect(stdout).toMatch(/-i file=<string> +path or URL; required/)
  expect(stdout).toMatch(/-i width=<integer> +more than 0; default 640/)
  expect(stdout).toMatch(/-i formats=<\("webp" \| "avif"\)\[\]> +again for more; default \["webp"\]/)
  expect(stdout).toMatch(/-i until=<date>/)
  expect(stdout).toContain('{ files: string[], at: date | null }')
})

test('dates of a schema reach the task as dates', async () => {
  const { stdout } = await run('run', 'resize', '-i', 'file=a', '-i', 'until=2026-01-02T03:04:05Z')
  expect(JSON.parse(stdout)).toEqual({ files: ['a@640.webp'], at: '2026-01-02T03:04:05.000Z' })
})

test('list shows the tasks and names the modules that cannot be loaded', async () => {
  const { code, stdout, stderr } = await run('list')
  expect(code).toBe(0)
  expect(stdout).toMatch(/resize:resize +\{ file: string, width\?: integer, .* Makes smaller images\./)
  expect(stdout).toContain('outcomes:outer')
  expect(stderr).toContain('syntax-error.ts')
  expect(stderr).toContain('not today')
  const json = JSON.parse((await run('list', '--json')).stdout) as { task: string }[]
  expect(json.map(({ task }) => task)).toContain('single:echo')
})

test('check names what is wrong and ends with 2', async () => {
  const { code, stderr } = await run('check')
  expect(code).toBe(2)
  expect(stderr).toContain('syntax-error.ts:')
  expect(stderr).toContain('not today')
})

test('doctor finds this machine able to run tasks', async () => {
  const { stdout } = await run('doctor')
  expect(stdout).toContain('workers can run as processes')
  expect(stdout).toContain('no config file')
})

test('config shows where values are from and no value of a variable', async () => {
  using configured = new TestProject()
  configured.write(
    'cowait.config.json',
    JSON.stringify({
      timeout: '5m',
      env: { A: 'secret1' },
      envFile: '.env',
      clusters: { prod: { engine: 'docker', env: { B: 'secret2' } } },
    }),
  )
  configured.write('.env', 'C=secret3\n')
  const { code, stdout } = await cowait(['config'], { cwd: configured.root })
  expect(code).toBe(0)
  expect(stdout).toMatch(/timeout +5m +.*cowait\.config\.json/)
  expect(stdout).toMatch(/env\.C +\*\*\* +\.env/)
  expect(stdout).toMatch(/clusters\.prod\.engine +docker/)
  expect(stdout).not.toContain('secret')
  expect((await cowait(['cluster', 'ls'], { cwd: configured.root })).stdout).toBe('prod  docker\n')
})

test("config lays the project's file over the user's own, and names both", async () => {
  using configured = new TestProject()
  const home = join(configured.root, 'home')
  mkdirSync(join(home, 'cowait'), { recursive: true })
  configured.write(
    'home/cowait/config.json',
    '{ "timeout": "1m", "retry": 2, "clusters": { "lab": { "engine": "docker", "host": "ssh://lab" } } }',
  )
  configured.write('cowait.config.json', '{ "timeout": "5m", "clusters": { "lab": { "memory": "1g" } }, "defaultCluster": "lab" }')
  const env = { XDG_CONFIG_HOME: home, COWAIT_ENGINE: '' }
  const { stdout } = await cowait(['config', '--json'], { cwd: configured.root, env })
  const settings = JSON.parse(stdout) as { key: string; value: unknown; from: string }[]
  const of = (key: string): unknown => settings.find((one) => one.key === key)
  expect(of('timeout')).toEqual({ key: 'timeout', value: '5m', from: realpathSync(join(configured.root, 'cowait.config.json')) })
  expect(of('retry')).toEqual({ key: 'retry', value: 2, from: join(home, 'cowait/config.json') })
  expect(of('engine')).toEqual({ key: 'engine', value: 'docker', from: 'cluster lab' })
  expect(of('clusters.lab.memory')).toMatchObject({ value: '1g', from: expect.stringMatching(/cowait\.config\.json$/) as string })
  expect(of('concurrency')).toMatchObject({ from: 'default: cores and memory' })
  const clusters = await cowait(['cluster', 'ls'], { cwd: configured.root, env })
  expect(clusters.stdout).toBe('lab (default)  docker  host=ssh://lab\n')
  configured.write('home/cowait/config.json', '{ "tasks": ["x"] }')
  expect(await cowait(['config'], { cwd: configured.root, env })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('tasks belongs into the config of a project') as string,
  })
})

describe('a run that is alive', () => {
  test('is shown by ps as a tree and ended by kill with all below it', async () => {
    const invocation = new Invocation(['run', 'outcomes:deep', '-i', 'depth=1'], { cwd: project.root })
    await invocation.shows('| ready')
    const pids = descendants(invocation.child.pid ?? 0)
    const { stdout } = await run('ps')
    expect(stdout).toMatch(/^deep-\w+ .*\n {2}deep-\w+ .*outcomes:deep$/m)
    const root = (JSON.parse((await run('ps', '--json')).stdout) as { id: string; parent: string | null; name: string }[]).findLast(
      (one) => one.parent === null && one.name === 'deep',
    )
    const id = root?.id ?? ''
    if (process.platform === 'linux') {
      expect(root).toMatchObject({ cpuSeconds: expect.any(Number) as number, memoryBytes: expect.any(Number) as number })
      expect(await run('shell', id, 'sh', '-c', 'pwd; exit 4')).toMatchObject({ code: 4, stdout: `${realpathSync(project.root)}\n` })
    }
    expect(await run('rm', id)).toMatchObject({ code: 2, stderr: expect.stringContaining('is alive') as string })
    expect((await run('kill', id)).code).toBe(0)
    expect(await invocation.ended).toMatchObject({ code: 130 })
    expect(invocation.stderr).toContain('cowait kill')
    await gone(pids, 1_000)
  })

  test.runIf(hasScript && process.platform === 'linux')(
    'has a shell beside it, on a terminal, that Ctrl-C does not end',
    { timeout: 90_000 },
    async () => {
      const invocation = new Invocation(['run', 'outcomes:deep', '-i', 'depth=0'], { cwd: project.root, env: { SHELL: '/bin/sh' } })
      await invocation.shows('| ready')
      const [, id = ''] = /^(deep-\w+)/m.exec(invocation.stderr) ?? []
      const shell = new PseudoTerminal(['shell', id], { cwd: project.root, env: { COWAIT_ENGINE: 'process', ...withoutDocker } })
      await workInShell(shell)
      expect(await shell.ended).toBe(7)
      expect(shell.text).toContain(`${ROWS} ${COLUMNS}`)
      invocation.child.kill('SIGINT')
      expect(await invocation.ended).toMatchObject({ code: 130 })
    },
  )

  test.runIf(process.platform === 'linux').each(['kill', 'rm'])(
    'is taken away by %s when its supervisor is gone with its guard',
    { timeout: 120_000 },
    async (command) => {
      // Every run that starts on this host, of other tests too, removes what is abandoned: then there was nothing left to do here.
      let byUs = false
      for (let turn = 0; turn < 8 && !byUs; turn++) {
        const { id, worker } = await abandonOne()
        const shown = (await listed()).filter((one) => one.id === id)
        if (isWorker(worker)) expect(shown).toMatchObject([{ status: 'abandoned', engine: 'process' }])
        const { code, stderr } = await alone(command, id)
        byUs = code === 0
        if (byUs) expect(stderr).toBe(`${id} is gone\n`)
        else expect(stderr).toContain(id)
        await gone([worker])
        expect((await listed()).filter((one) => one.id === id)).toEqual([])
        // The engine that a variable names is not there, which is told beside what was done.
        expect(await alone('prune')).toMatchObject({ code: 3, stderr: expect.stringMatching(/removed \d+ process/) as string })
      }
      expect(byUs).toBe(true)
    },
  )

  test('is not killed by a part of its name', async () => {
    expect(await run('kill', 'eep')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('No run that is alive is called eep') as string,
    })
  })

  test('is followed by logs until it ends', async () => {
    const invocation = new Invocation(['run', 'outcomes:slow', '-i', 'seconds=1'], { cwd: project.root })
    await invocation.shows('| ready')
    const logs = await run('logs', 'latest', '--follow')
    expect(logs).toMatchObject({ code: 0, stdout: expect.stringContaining('| ready') as string })
    await invocation.ended
  })

  test('is followed by logs until its command line is killed', async () => {
    const invocation = new Invocation(['run', 'outcomes:slow'], { cwd: project.root })
    await invocation.shows('| ready')
    const logs = new Invocation(['logs', 'latest', '--follow'], { cwd: project.root })
    await logs.prints('| ready')
    invocation.child.kill('SIGKILL')
    expect(await logs.ended).toMatchObject({ code: 3, stderr: expect.stringContaining('its record ends here') as string })
    await invocation.ended
  })
})

describe('a run that is over', () => {
  test('has its log and a page that stands alone', async () => {
    await run('run', 'outcomes:outer')
    expect((await run('logs')).stdout).toContain('| about to fail 7')
    expect(JSON.parse((await run('inspect')).stdout)).toMatchObject({
      task: 'outcomes:outer',
      status: 'failed',
      children: [{ name: 'failing' }],
    })
    const { code, stdout } = await run('report')
    expect(code).toBe(0)
    const page = readFileSync(stdout.trimEnd(), 'utf8')
    expect(page).toContain('boom 7')
    expect(page).not.toMatch(/(src|href)="/)
  })

  test('has no record with --no-record', async () => {
    using fresh = new TestProject()
    await cowait(['run', 'single', '--no-record'], { cwd: fresh.root })
    expect(existsSync(join(fresh.root, '.cowait/runs'))).toBe(false)
    await cowait(['run', 'single'], { cwd: fresh.root })
    expect(readdirSync(join(fresh.root, '.cowait/runs'))).toHaveLength(1)
  })
})

test('dev runs again when something that the task imports changes, and not for anything else', async () => {
  using changing = new TestProject()
  changing.write('part.ts', 'export const word = "one"\n')
  changing.write(
    'watched.ts',
    `import { task } from 'cowait'\nimport { word } from './part.ts'\nexport const watched = task(async () => console.log('word', word))\n`,
  )
  const invocation = new Invocation(['dev', 'watched'], { cwd: changing.root })
  await invocation.shows('word one')
  await invocation.shows('0 left')
  changing.write('single.ts', '// Something else.\n')
  changing.write('part.ts', 'export const word = "two"\n')
  await invocation.shows('word two')
  expect(invocation.stderr.match(/word one/g)).toHaveLength(1)
  const pids = descendants(invocation.child.pid ?? 0)
  invocation.child.kill('SIGINT')
  expect(await invocation.ended).toMatchObject({ code: 130 })
  await gone(pids, 2_000)
})

/** Edits until something is seen: what lies there when dev has heard of the end of a run is no change yet. */
async function edited(edit: () => void, seen: Promise<void>): Promise<void> {
  const edits = setInterval(edit, 200)
  try {
    await seen
  } finally {
    clearInterval(edits)
  }
}

test('dev sees edits in a folder that was removed and made again', async () => {
  using changing = new TestProject()
  const root = join(changing.root, 'switched')
  const write = (word: string): void =>
    writeFileSync(
      join(root, 'deep/src/main.ts'),
      `import { task } from 'cowait'\nexport const main = task(() => console.log('word', '${word}'))\n`,
    )
  mkdirSync(join(root, 'deep/src'), { recursive: true })
  writeFileSync(join(root, 'package.json'), '{"type":"module"}')
  write('one')
  const invocation = new Invocation(['dev', 'deep/src/main'], { cwd: root })
  await invocation.shows('word one')
  await invocation.shows('0 left')
  // As a switch of branches does.
  const copy = join(changing.root, 'copy')
  cpSync(join(root, 'deep'), copy, { recursive: true })
  rmSync(join(root, 'deep'), { recursive: true })
  renameSync(copy, join(root, 'deep'))
  write('two')
  await invocation.shows('word two')
  await edited(() => writeFileSync(join(root, 'deep/src/data.txt'), String(Math.random())), invocation.shows('word two', 2))
  invocation.child.kill('SIGINT')
  expect(await invocation.ended).toMatchObject({ code: 130 })
})

const CAREFUL = (mark: string) => `import { task, useTask } from 'cowait'
export const careful = task(async () => {
  const { signal } = useTask()
  console.log('at work', '${mark}')
  try {
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  } finally {
    await new Promise((resolve) => setTimeout(resolve, 300))
    console.log('cleared up', '${mark}')
  }
})
`

describe('dev, while its run is in progress,', () => {
  test('cancels it for a change, and for an interrupt that the terminal gives to both', async () => {
    using changing = new TestProject()
    changing.write('careful.ts', CAREFUL('one'))
    const invocation = new Invocation(['dev', 'careful'], { cwd: changing.root, through: ['setsid'] })
    await invocation.shows('at work one')
    changing.write('careful.ts', CAREFUL('two'))
    await invocation.shows('at work two')
    expect(invocation.stderr).toMatch(/The code has changed: cancelling [^]*cleared up one\n[^]*careful\n[^]*at work two/)
    process.kill(-(invocation.child.pid ?? NaN), 'SIGINT')
    expect(await invocation.ended).toMatchObject({ code: 130 })
    expect(invocation.stderr, invocation.stderr).toContain('cleared up two')
    expect(invocation.stderr).not.toContain('Killing')
  })

  test('takes what the run itself writes for no change, and looks at data when it is over', async () => {
    using changing = new TestProject()
    changing.write(
      'writing.ts',
      `import { writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { task } from 'cowait'
export const writing = task(async () => {
  console.log('written')
  writeFileSync('result.json', JSON.stringify({ at: Date.now() }))
  await setTimeout(1_000)
})
`,
    )
    const invocation = new Invocation(['dev', 'writing'], { cwd: changing.root })
    await invocation.shows('0 left')
    expect(invocation.stderr).not.toContain('The code has changed')
    expect(invocation.stderr.match(/written/g)).toHaveLength(1)
    await edited(() => changing.write('other-data.txt', String(Math.random())), invocation.shows('written', 2))
    invocation.child.kill('SIGINT')
    expect(await invocation.ended).toMatchObject({ code: 130 })
  })

  test('leaves nothing when it is killed', async () => {
    using changing = new TestProject()
    changing.write('careful.ts', CAREFUL('one'))
    const invocation = new Invocation(['dev', 'careful'], { cwd: changing.root })
    await invocation.shows('at work one')
    const pids = descendants(invocation.child.pid ?? NaN)
    expect(pids.length).toBeGreaterThan(2)
    invocation.child.kill('SIGKILL')
    await gone(pids, 10_000)
  })
})

test.each(['hello', 'fan-out', 'web'])('init writes the %s project and overwrites nothing', async (template) => {
  using folder = new TestProject()
  const root = join(folder.root, 'made')
  expect(await cowait(['init', 'made', '--yes', '--template', template], { cwd: folder.root })).toMatchObject({ code: 0 })
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: { cowait: string } }
  // It was not installed from a registry: the new project takes it from where it is.
  expect(realpathSync(join(root, dependencies.cowait.replace('file:', '')))).toBe(realpathSync(join(import.meta.dirname, '../..')))
  const again = await cowait(['init', 'made', '--yes'], { cwd: folder.root })
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('package.json') as string })
})
