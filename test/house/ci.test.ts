import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
let project: string

/** A project whose every tool is a script of the test; `.ci/run` is the real one. */
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'cowait-ci-'))
  await mkdir(join(project, 'bin'))
  await mkdir(join(project, 'scripts'))
  await mkdir(join(project, 'test/conformance'), { recursive: true })
  await mkdir(join(project, 'tools/node24/node_modules/.bin'), { recursive: true })
  await cp(join(root, '.ci'), join(project, '.ci'), { recursive: true })
  await writeFile(join(project, 'test/conformance/memory.test.ts'), '')
  await writeFile(join(project, 'scripts/check.mjs'), '')
  await writeFile(join(project, 'scripts/test-image.sh'), '')
  await script('tools/node24/node_modules/.bin/node', `exec ${process.execPath} "$@"`)
  for (const tool of ['docker', 'dockerd', 'iptables', 'debootstrap', 'openssl', 'apt-get']) await script(`bin/${tool}`, 'exit 0')
  await script('bin/npm', `[ "$1" != cit ] || ${reporting(5, 0)}`)
  await script('bin/npx', reporting(2, 0))
})

afterEach(() => rm(project, { recursive: true, force: true }))

async function script(path: string, body: string): Promise<void> {
  await writeFile(join(project, path), `#!/bin/sh\n${body}\n`)
  await chmod(join(project, path), 0o755)
}

const reporting = (passed: number, failed: number) =>
  `{ echo '{"numPassedTests":${passed},"numFailedTests":${failed}}' >"$TEST_REPORT"; exit ${failed === 0 ? 0 : 1}; }`

function start() {
  const env = { ...process.env, TMPDIR: project, PATH: `${join(project, 'bin')}:${process.env['PATH']}` }
  return spawn('bash', ['.ci/run'], { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'] })
}

async function ending(child: ReturnType<typeof start>): Promise<{ line: string | undefined; code: unknown }> {
  const { lines, code } = await output(child)
  return { line: lines.at(-1), code }
}

async function output(child: ReturnType<typeof start>): Promise<{ lines: string[]; code: unknown }> {
  const [stdout, , [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { lines: stdout.trimEnd().split('\n'), code }
}

test('sums the tests of both versions of Node', async () => {
  expect(await ending(start())).toEqual({ line: '7 passed, 0 failed', code: 0 })
})

test('names what failed at the end, tests and steps alike', async () => {
  const report = {
    numPassedTests: 4,
    numFailedTests: 1,
    testResults: [
      {
        name: 'a.test.ts',
        status: 'failed',
        assertionResults: [{ status: 'failed', fullName: 'a thing works', failureMessages: ['Error: it does not'] }],
      },
      { name: 'b.test.ts', status: 'failed', message: 'cannot be read', assertionResults: [] },
    ],
  }
  await writeFile(join(project, 'report.json'), JSON.stringify(report))
  await script('bin/npm', '[ "$1" != cit ] || { cp report.json "$TEST_REPORT"; exit 1; }')
  await writeFile(join(project, 'scripts/check.mjs'), 'process.exitCode = 1')
  const { lines } = await output(start())
  expect(lines.slice(lines.indexOf('== What failed'))).toEqual([
    '== What failed',
    'a.test.ts: a thing works',
    '    Error: it does not',
    'b.test.ts',
    '    cannot be read',
    'format, lint, types, unused code, package',
    '6 passed, 2 failed',
  ])
})

test('runs the tests of Kubernetes where the project has them', async () => {
  await mkdir(join(project, 'scripts/test-cluster'))
  await writeFile(join(project, 'scripts/test-cluster/build.sh'), '')
  await writeFile(join(project, 'vitest.config.ts'), "name: 'kubernetes'")
  await script('bin/npm', `case "$*" in cit) ${reporting(5, 0)} ;; 'run test:kubernetes') ${reporting(4, 1)} ;; esac`)
  for (const tool of ['etcd', 'containerd', 'curl', 'setpriv']) await script(`bin/${tool}`, 'exit 0')
  expect(await ending(start())).toEqual({ line: '11 passed, 1 failed', code: 1 })
})

test('fails with a failing test', async () => {
  await script('bin/npx', reporting(1, 1))
  expect(await ending(start())).toEqual({ line: '6 passed, 1 failed', code: 1 })
})

test.each([
  ['the tests crash before they report', 'bin/npm', '[ "$1" != cit ] || kill -9 $$', '2 passed, 1 failed'],
  ['no test ran', 'bin/npm', `[ "$1" != cit ] || ${reporting(0, 0)}`, '2 passed, 1 failed'],
  ['all tests pass, but the runner fails', 'bin/npx', `(${reporting(2, 0)}); exit 1`, '7 passed, 1 failed'],
  ['Docker does not start', 'bin/docker', 'exit 1', '7 passed, 1 failed'],
  ['the image cannot be made', 'scripts/test-image.sh', 'exit 1', '7 passed, 1 failed'],
  ['a check fails', 'scripts/check.mjs', 'process.exit(1)', '7 passed, 1 failed'],
  [
    'Node 24 cannot be installed',
    'bin/npm',
    `case "$*" in *node24*) exit 1;; *node18*) exit 0;; esac; ${reporting(5, 0)}`,
    '7 passed, 1 failed',
  ],
])('fails when %s', async (_, path, body, line) => {
  if (path.endsWith('.mjs')) await writeFile(join(project, path), body)
  else await script(path, body)
  expect(await ending(start())).toEqual({ line, code: 1 })
})

test('says so and ends its step when it is ended', async () => {
  await script('bin/npm', '[ "$1" != cit ] || { echo at it; exec sleep 60; }')
  const child = start()
  child.stdout.on('data', (data) => String(data).includes('at it') && child.kill('SIGTERM'))
  const started = performance.now()
  expect(await ending(child)).toEqual({ line: '0 passed, 1 failed', code: 1 })
  expect(performance.now() - started).toBeLessThan(20_000)
})
