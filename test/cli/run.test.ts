import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cleanEnvironment, cowait, descendants, gone, Invocation, program, TestProject, type Ended } from './cowait.ts'

let project: TestProject

beforeAll(() => {
  project = new TestProject()
})

afterAll(() => project[Symbol.dispose]())

const commonJs = `const { task } = require('cowait')\nexports.five = task(async () => 5)\n`
const run = (...args: string[]): Promise<Ended> => cowait(['run', ...args], { cwd: project.root })

describe('the result', () => {
  test('is alone on stdout, compact on a pipe', async () => {
    const { code, stdout, stderr } = await run('single', '-i', 'a=1', '-i', 'b.c=x')
    expect({ code, stdout }).toEqual({ code: 0, stdout: '{"a":1,"b":{"c":"x"}}\n' })
    expect(stderr).toMatch(/^done in .* · 1 worker, 0 left\n$/)
  })

  test('is plain JSON whatever the value was', async () => {
    const { stdout } = await run('outcomes:values')
    expect(JSON.parse(stdout)).toEqual({ at: '1970-01-01T00:00:00.000Z', big: '10', bytes: 'AQID', map: { a: 1 } })
  })

  test('prints nothing for undefined', async () => {
    expect(await run('outcomes:nothing')).toMatchObject({ code: 0, stdout: '' })
  })

  test('is one object with --json', async () => {
    const { code, stdout, stderr } = await run('outcomes:outer', '--json')
    expect(code).toBe(1)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toMatchObject({
      task: 'outcomes:outer',
      status: 'failed',
      exitCode: 1,
      error: { name: 'RangeError', message: 'boom 7' },
      children: [{ task: 'outcomes:failing', status: 'failed', input: { n: 7 }, children: [] }],
      workers: { started: 2, left: [], kept: [] },
    })
  })

  test('follows the events with --ndjson, each with a type and in order of its run', async () => {
    const { code, stdout } = await run('outcomes:lines', '-i', 'n=3', '--ndjson')
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; seq?: number; text?: string })
    expect(code).toBe(0)
    expect(events.map(({ seq }) => seq).filter((seq) => seq !== undefined)).toEqual(events.slice(0, -1).map((_, index) => index))
    expect(events.filter(({ type }) => type === 'log').map(({ text }) => text)).toEqual(['line 0', 'line 1', 'line 2'])
    expect(events.at(-1)).toMatchObject({ type: 'result', status: 'done', output: 3, exitCode: 0 })
    expect(events.findLastIndex(({ type }) => type === 'log')).toBeLessThan(events.findIndex(({ type }) => type === 'settled'))
  })

  test('of a generator is a line of JSON for each item, then what it returns', async () => {
    const items = [0, 1, 2].map((i) => ({ i, at: new Date(i).toISOString() }))
    const { code, stdout } = await run('outcomes:streaming')
    expect(code).toBe(0)
    expect(stdout).toBe([...items, 3].map((line) => `${JSON.stringify(line)}\n`).join(''))
    expect(JSON.parse((await run('outcomes:streaming', '--json')).stdout)).toMatchObject({ items, output: 3 })
    const lines = (await run('outcomes:streaming', '--ndjson')).stdout.trimEnd().split('\n')
    const told = lines.map((line) => JSON.parse(line) as { type: string; run: string; item?: unknown })
    expect(told.flatMap(({ type, item }) => (type === 'item' ? [item] : []))).toEqual(items)
  })

  test('ends a generator whose reader leaves', async () => {
    const invocation = new Invocation(['run', 'outcomes:streaming', '-i', 'n=100000000'], { cwd: project.root })
    await new Promise((resolve) => invocation.child.stdout?.once('data', resolve))
    const pids = descendants(invocation.child.pid ?? 0)
    invocation.child.stdout?.destroy()
    expect(await invocation.ended).toMatchObject({ code: 130 })
    await gone(pids, 2_000)
  })

  test('is all there is with --quiet', async () => {
    expect(await run('outcomes:lines', '--quiet')).toMatchObject({ code: 0, stdout: '10\n', stderr: '' })
  })
})

describe('exit codes', () => {
  test.each([
    ['a function that throws', ['outcomes:failing'], 1, 'RangeError: boom 1'],
    ['a child that throws', ['outcomes:outer'], 1, 'RangeError: boom 7'],
    ['an output that cannot cross', ['outcomes:unserializable'], 1, 'output.f'],
    ['a worker that exits', ['outcomes:exiting'], 3, 'last words'],
    ['a worker that is killed', ['outcomes:killed'], 3, 'line 49'],
    ['a time-out', ['outcomes:slow', '--timeout', '300ms'], 124, 'timed out after'],
    ['a time-out of a busy loop', ['outcomes:stubborn', '--timeout', '300ms', '--grace', '200ms'], 124, 'timed out after'],
    ['a retry that does not help', ['outcomes:failing', '--retry', '1'], 1, 'attempt 1 failed'],
  ])('%s', async (_what, args, code, text) => {
    const ended = await run(...args)
    expect(ended).toMatchObject({ code, stdout: '' })
    expect(ended.stderr).toContain(text)
    expect(ended.stderr).toMatch(/, 0 left\n$/)
  })

  test('a time-out covers a module that never ends loading, here and in its worker', { timeout: 90_000 }, async () => {
    using looping = new TestProject()
    const text = (when: string): string => `import { task } from 'cowait'\nwhile (${when}) {}\nexport const loops = task(async () => 1)\n`
    looping.write('here.ts', text('true'))
    looping.write('there.ts', text('process.env.COWAIT_WORKER'))
    const ended = (name: string): Promise<Ended> => cowait(['run', name, '--timeout', '3s'], { cwd: looping.root })
    expect(await ended('here')).toMatchObject({ code: 124, stderr: expect.stringContaining('did not load within 3 s') as string })
    expect(await ended('there')).toMatchObject({
      code: 124,
      stderr: expect.stringMatching(/did not start within 3s \(it was killed\)/) as string,
    })
  })

  test('a module that loads for long is waited for, and that is said', { timeout: 60_000 }, async () => {
    using waiting = new TestProject()
    waiting.write(
      'slow.ts',
      `import { existsSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { task } from 'cowait'
while (!existsSync('go')) await setTimeout(20)
export const slow = task(async () => 1)
`,
    )
    const stopped = new Invocation(['run', 'slow'], { cwd: waiting.root })
    await stopped.shows('slow.ts is still loading')
    const loading = descendants(stopped.child.pid ?? 0)
    expect(loading.length).toBeGreaterThan(0)
    stopped.child.kill('SIGINT')
    expect(await stopped.ended).toMatchObject({ code: 130, stdout: '' })
    await gone(loading)
    const waited = new Invocation(['run', 'slow'], { cwd: waiting.root })
    await waited.shows('slow.ts is still loading')
    waiting.write('go', '')
    expect(await waited.ended).toMatchObject({ code: 0, stdout: '1\n' })
  })

  test('a time-out is for all attempts together, the starting of each included', { timeout: 60_000 }, async () => {
    using again = new TestProject()
    again.write(
      'again.ts',
      `import { task, delay } from 'cowait'
export const fails = task({
  timeout: '10m',
  startTimeout: '10m',
  async run() {
    await delay(300)
    throw new Error('once more')
  },
})
`,
    )
    const ended = (...args: string[]): Promise<Ended> => cowait(['run', ...args], { cwd: again.root })
    const failed = await ended('again:fails', '--timeout', '3s', '--retry', '100')
    expect(failed).toMatchObject({ code: 124, stderr: expect.stringMatching(/fails-\w+ timed out after 3s/) as string })
    expect(failed.stderr).toContain('attempt 1 failed')
    const slow = await ended('outcomes:slow', '--timeout', '2s', '--retry', '3')
    expect(slow).toMatchObject({ code: 124, stderr: expect.not.stringContaining('attempt 1 failed') as string })
  })

  test('a failure says where it was called, also by map, and how the run that it began with starts again', async () => {
    project.write(
      'mapped.ts',
      `import { task, map, delay } from 'cowait'
export const late = task({ timeout: '200ms', run: ({ n }: { n: number }) => delay(n * 60_000) })
export const mapped = task(async () => {
  return await map(late, [{ n: 1 }])
})
`,
    )
    const { code, stderr } = await run('mapped:mapped')
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /mapped failed\n +TaskTimeoutError: late-\w+ timed out after 200ms\n +at \/.*\/mapped\.ts:4:16\n\nrun it again: cowait run mapped:late -i n=1\n/,
    )
    const given = await run('mapped:mapped', '--engine', 'process', '--retry', '0', '-e', 'TOKEN=hunter2')
    expect(given.stderr).toMatch(/\nrun it again: cowait run mapped:late -i n=1 --engine process --env TOKEN\n/)
  })

  test('what lies behind an error is told, in every output mode and in the record', async () => {
    project.write(
      'behind.ts',
      `import { task } from 'cowait'
export const behind = task(async () => {
  await Promise.reject(new Error('no answer', { cause: new RangeError('port 70000') })).catch((cause) => {
    throw new Error('could not load', { cause })
  })
})
export const outer = task(async () => await behind())
`,
    )
    const { code, stderr } = await run('behind:outer')
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /outer failed\n {2}could not load\n +at .*\/behind\.ts:4:11\n( +at .*\n)*  caused by Error: no answer\n +at .*\/behind\.ts:3:24\n  caused by RangeError: port 70000\n/,
    )
    const causes = [
      { name: 'Error', message: 'no answer' },
      { name: 'RangeError', message: 'port 70000' },
    ]
    const { stdout } = await run('behind:outer', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ error: { causes } })
    expect(JSON.parse((await cowait(['inspect', 'latest'], { cwd: project.root })).stdout)).toMatchObject({ error: { causes } })
  })

  test('an input that stands behind the task without its -i is named', async () => {
    expect(await run('outcomes:failing', 'n=1')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('one task is expected, not "n=1" as well; an input is written -i n=1') as string,
    })
  })

  test('the command that runs it again has the flags that it ran with, and no value of a variable', async () => {
    const flags = ['--memory', '1g', '--timeout', '1m', '-e', 'TOKEN=hunter2', '--engine', 'process']
    const { stderr } = await run('outcomes:failing', ...flags)
    expect(stderr).toMatch(/\nrun it again: cowait run outcomes:failing --engine process --env TOKEN --memory 1g --timeout 1m\n/)
    expect(stderr).not.toContain('hunter2')
  })

  test('are the same in every output mode', async () => {
    for (const mode of ['--json', '--ndjson', '--quiet']) {
      expect(await run('outcomes:failing', mode), mode).toMatchObject({ code: 1 })
      expect(await run('outcomes:exiting', mode), mode).toMatchObject({ code: 3 })
    }
  })
})

describe('what was asked for wrongly ends with 2, one message and no stack of ours', () => {
  test.each([
    ['an unknown task', ['outcome'], 'Did you mean outcomes'],
    ['an export without its file', ['failing'], 'Did you mean outcomes:failing?'],
    ['an unknown export', ['outcomes:faling'], 'outcomes:failing'],
    ['several tasks', ['outcomes'], 'outcomes:deep, outcomes:done'],
    ['no task at all', [], 'which task'],
    ['a file without tasks', ['no-tasks'], 'no-tasks has no task'],
    ['a file with types only', ['only-types'], 'only-types has no task'],
    ['a syntax error', ['syntax-error'], 'syntax-error.ts:'],
    ['a throwing import', ['throws'], 'not today'],
    ['where an import throws', ['throws'], 'throws.ts:'],
    ['a task that is called while its module loads', ['fork-bomb'], "if (isMain(import.meta))`, with `import { isMain } from 'cowait'`"],
    ['the same in CommonJS', ['unguarded.cjs'], 'in CommonJS behind `if (require.main === module)`'],
    ['a malformed input', ['single', '-i', '=7'], 'a key is missing'],
    ['an input that is not JSON', ['single', '-i', 'a:={'], 'not JSON'],
    ['a missing input file', ['single', '-f', 'gone.json'], 'gone.json'],
    ['an input that is no object', ['single', '-f', 'list.json'], 'an input is an object'],
    ['an input that nobody gives', ['single', '-f', '/dev/null'], '-f /dev/null: the file is empty'],
    ['a task after a dot', ['outcomes.failing'], 'Did you mean outcomes:failing?'],
    ['an unknown key of a schema', ['resize', '-i', 'fil=a.png'], 'Did you mean "file"'],
    ['a wrong type', ['resize', '-i', 'file=a', '-i', 'width=7.5'], 'expected an integer'],
    ['a wrong choice', ['resize', '-i', 'file=a', '-i', 'formats=web'], 'Did you mean "webp"'],
    ['a missing required input', ['resize'], '-i file=<string>'],
    ['an input that the schema refuses', ['resize', '-i', 'file=a', '-i', 'width=-1'], 'width'],
    ['an unknown option', ['single', '--concurency', '2'], '--concurrency'],
    ['an unknown engine', ['single', '--engine', 'proces'], 'Did you mean "process"?'],
    ['a folder that is not there', ['single', '--cwd', 'gone'], '--cwd gone: there is no such folder'],
    ['an unknown cluster', ['single', '--cluster', 'prod'], 'prod'],
    ['a malformed time-out', ['single', '--timeout', 'soon'], 'soon'],
    ['a malformed variable', ['single', '-e', '=1'], 'a name is missing'],
    ['a variable that is not set', ['single', '-e', 'SURELY_NOT_SET'], 'SURELY_NOT_SET'],
    ['a malformed volume', ['single', '-v', 'here'], '-v here'],
    ['a malformed port', ['single', '-p', 'eighty'], '-p eighty'],
    ['keeping what cannot be kept', ['single', '--keep-failed'], 'nothing to keep'],
    ['a concurrency of nothing', ['single', '--concurrency', '0'], '--concurrency 0'],
    ['two output modes', ['single', '--json', '--ndjson'], 'exclude each other'],
    ['a config that is not there', ['single', '--config', 'gone.json'], 'gone.json'],
  ])('%s', async (_what, args, text) => {
    project.write('list.json', '[1]')
    project.write('unguarded.cjs', `${commonJs}exports.five().then(console.log)\n`)
    const { code, stdout, stderr } = await run(...args)
    expect(stderr).toContain(text)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).not.toMatch(/at .*(dist\/|node:internal)/)
  })

  test('an unknown command', async () => {
    const { code, stderr } = await cowait(['rnu'], { cwd: project.root })
    expect(code).toBe(2)
    expect(stderr).toContain('Did you mean run?')
    expect(await cowait(['help', 'rnu'], { cwd: project.root })).toEqual({ code, stdout: '', stderr })
  })

  test('a file of variables that is not there, which Node 20 would look for itself', () => {
    const options = { cwd: project.root, env: cleanEnvironment(), encoding: 'utf8' } as const
    const { status, stderr } = spawnSync(program, ['run', 'single', '--engine', 'process', '--env-file', 'gone.env'], options)
    expect(stderr).toBe('error --env-file gone.env: cannot be read (ENOENT)\n')
    expect(status).toBe(2)
  })

  test('a second supervisor inside of a task', async () => {
    const { code, stderr } = await cowait(['run', 'single'], { cwd: project.root, env: { COWAIT_WORKER: 'w1' } })
    expect(code).toBe(2)
    expect(stderr).toContain('inside of a task')
  })
})

describe('stopping', () => {
  const signals = [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const

  test.each(signals)('%s cancels a deep tree and leaves nothing', async (signal, code) => {
    const invocation = new Invocation(['run', 'outcomes:deep'], { cwd: project.root })
    await invocation.shows('| ready')
    const pids = descendants(invocation.child.pid ?? 0)
    expect(pids.length).toBeGreaterThanOrEqual(4)
    invocation.child.kill(signal)
    expect(await invocation.ended).toMatchObject({ code, stdout: '' })
    expect(invocation.stderr).toMatch(/cancelled after .* · 4 workers, 0 left\n$/)
    await gone(pids, 1_000)
  })

  test('the second signal kills what ignores the first', async () => {
    const invocation = new Invocation(['run', 'outcomes:stubborn', '--grace', '1m'], { cwd: project.root })
    await invocation.shows('| ready')
    const pids = descendants(invocation.child.pid ?? 0)
    invocation.child.kill('SIGINT')
    await invocation.shows('once more kills')
    invocation.child.kill('SIGINT')
    expect(await invocation.ended).toMatchObject({ code: 130 })
    expect(invocation.stderr).toMatch(/cancelled after .* · 1 worker, 0 left\n$/)
    await gone(pids, 1_000)
  })

  test.each(['outcomes:deep', 'outcomes:stubborn'])('SIGKILL of the command line takes %s with it', async (task) => {
    const invocation = new Invocation(['run', task], { cwd: project.root })
    await invocation.shows('| ready')
    const pids = descendants(invocation.child.pid ?? 0)
    invocation.child.kill('SIGKILL')
    await invocation.ended
    await gone(pids, 10_000)
  })

  test('a signal while the code still loads ends at once', async () => {
    project.write(
      'hanging.ts',
      `import { writeFileSync } from 'node:fs'\nwriteFileSync('loading', '')\nsetInterval(() => {}, 1000)\nawait new Promise(() => {})\n`,
    )
    const invocation = new Invocation(['run', 'hanging'], { cwd: project.root })
    while (!existsSync(join(project.root, 'loading'))) await delay(20)
    const pids = descendants(invocation.child.pid ?? 0)
    expect(pids.length).toBeGreaterThan(0)
    invocation.child.kill('SIGINT')
    expect(await invocation.ended).toMatchObject({ code: 130, stdout: '' })
    await gone(pids, 2_000)
  })

  test('a signal while the engine is silent ends at once', async () => {
    const silent = createServer((request, response) => {
      if (request.url === '/_ping') response.setHeader('api-version', '1.41').end('OK')
    }).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    try {
      const env = { DOCKER_HOST: `tcp://127.0.0.1:${(silent.address() as AddressInfo).port}` }
      const invocation = new Invocation(['run', 'single', '-i', 'a=1', '--engine', 'docker'], { cwd: project.root, env })
      const asked = async (): Promise<void> => {
        for (;;) if (((await once(silent, 'request')) as [IncomingMessage])[0].url?.endsWith('/info')) return
      }
      await Promise.race([asked(), invocation.ended])
      const from = performance.now()
      invocation.child.kill('SIGINT')
      expect(await invocation.ended).toMatchObject({ code: 130, stdout: '' })
      // The search itself goes on for 30 s.
      expect(performance.now() - from).toBeLessThan(15_000)
    } finally {
      silent.close()
      silent.closeAllConnections()
    }
  })

  test('a reader that never reads holds nobody who asks to stop', async () => {
    const invocation = new Invocation(['run', 'outcomes:streaming', '-i', 'n=100000000'], { cwd: project.root })
    await new Promise((resolve) => invocation.child.stdout?.once('data', resolve))
    invocation.child.stdout?.pause()
    const pids = descendants(invocation.child.pid ?? 0)
    const exited = once(invocation.child, 'exit')
    invocation.child.kill('SIGINT')
    expect(await exited).toEqual([130, null])
    invocation.child.stdout?.resume()
    await invocation.ended
    await gone(pids, 2_000)
  })

  test('a reader that closes its pipe cancels the tree', async () => {
    const invocation = new Invocation(['run', 'outcomes:slow', '--ndjson'], { cwd: project.root })
    await new Promise((resolve) => invocation.child.stdout?.once('data', resolve))
    invocation.child.stdout?.destroy()
    const pids = descendants(invocation.child.pid ?? 0)
    const { code } = await invocation.ended
    expect(code).toBe(130)
    await gone(pids, 1_000)
  })
})

describe('exec', () => {
  test('the guard of CommonJS is true in the script alone', async () => {
    project.write('guarded.cjs', `${commonJs}if (require.main === module) exports.five().then(console.log)\n`)
    expect(await cowait(['exec', 'guarded.cjs'], { cwd: project.root })).toMatchObject({ code: 0, stdout: '5\n' })
    expect(await run('guarded.cjs')).toMatchObject({ code: 0, stdout: '5\n' })
  })

  test('runs a script with its arguments, its own output and its own exit code', async () => {
    const { code, stdout } = await cowait(['exec', 'script.ts', 'a', '--json'], { cwd: project.root })
    expect({ code, stdout }).toEqual({ code: 5, stdout: '["a","--json"]\n' })
  })

  test('finds the project of the script from anywhere', async () => {
    const { code, stdout } = await cowait(['exec', join(project.root, 'script.ts'), 'b'], { cwd: tmpdir() })
    expect({ code, stdout }).toEqual({ code: 5, stdout: '["b"]\n' })
  })

  test('compiles once: a server goes on with the program that it started with', async () => {
    const task = (word: string): string => `import { task } from 'cowait'\nexport const word = task(async () => '${word}')\n`
    project.write('word.ts', task('first'))
    project.write(
      'server.ts',
      `import { writeFileSync } from 'node:fs'
import { word } from './word.ts'
console.log(await word())
writeFileSync(process.argv[2]!, ${JSON.stringify(task('second'))})
console.log(await word())
`,
    )
    const { code, stdout } = await cowait(['exec', 'server.ts', join(project.root, 'word.ts')], { cwd: project.root })
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'first\nfirst\n' })
  })

  test('says what is wrong with the file', async () => {
    expect(await cowait(['exec', 'gone.ts'], { cwd: project.root })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no file gone.ts') as string,
    })
    expect(await cowait(['exec', 'syntax-error.ts'], { cwd: project.root })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('syntax-error.ts:') as string,
    })
  })
})

test('variables reach the task and options reach the run', async () => {
  project.write(
    'env.ts',
    `import { task } from 'cowait'\nexport const env = task(async () => [process.env.A, process.env.B, process.env.C])\n`,
  )
  project.write('.env.test', 'B=from file\nC=from file\n')
  const { stdout } = await cowait(['run', 'env', '-e', 'A', '-e', 'B=b', '--env-file', '.env.test'], { cwd: project.root, env: { A: 'a' } })
  expect(JSON.parse(stdout)).toEqual(['a', 'b', 'from file'])
})

test('a variable that Node reads when it begins is told to come too late, once', async () => {
  const { stderr } = await run('outcomes:outer', '-e', 'NODE_EXTRA_CA_CERTS=/x.pem', '-e', 'NODE_ENV=test')
  expect(stderr.match(/NODE_EXTRA_CA_CERTS: seen by the task and what it starts, but not by the task's own Node/g)).toHaveLength(1)
  expect(stderr).not.toMatch(/NODE_ENV[:,]/)
})
