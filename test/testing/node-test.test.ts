import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const tasks = `
import { delay, join, task } from 'cowait'
export const sleep = task(async ({ duration = 5 }) => {
  await delay(duration * 1000)
  return { duration }
})
export const parallel = task(async () => await join([sleep({ duration: 5 }), sleep({ duration: 5 })]))
`

const tests = `
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestRuntime } from 'cowait/testing'
import { parallel, sleep } from './tasks.mjs'

test('stand-ins, calls, time', async () => {
  const rt = createTestRuntime({ clock: 'manual' })
  rt.fault(sleep, { nth: 1, kind: 'fail', error: new TypeError('no') })
  await assert.rejects(rt.run(sleep, { duration: 1 }), ({ code, cause }) => code === 'TASK_FAILED' && cause.name === 'TypeError')
  const run = rt.run(parallel)
  await rt.advance('5s')
  assert.deepEqual(await run, [{ duration: 5 }, { duration: 5 }])
  rt.mock(sleep, () => ({ duration: 7 }))
  assert.deepEqual(await rt.run(parallel), [{ duration: 7 }, { duration: 7 }])
  assert.equal(rt.calls(sleep).length, 5)
  await rt[Symbol.asyncDispose]()
})
`

const realTests = `
import { test } from 'node:test'
import { sleep } from './tasks.mjs'

test('in a worker of its own', async () => void (await sleep({ duration: 0 })))
`

async function createProject(files: Record<string, string>): Promise<AsyncDisposable & { test(): Promise<string> }> {
  const folder = await mkdtemp(join(tmpdir(), 'cowait-node-test-'))
  await mkdir(join(folder, 'node_modules'))
  await symlink(join(import.meta.dirname, '../..'), join(folder, 'node_modules/cowait'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  return {
    async test() {
      const options = { cwd: folder, env, timeout: 100_000 }
      return (await promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap'], options)).stdout
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

test('works under node:test, and nothing keeps the process alive', { timeout: 110_000 }, async () => {
  await using project = await createProject({ 'tasks.mjs': tasks, 'tasks.test.mjs': tests })
  const told = await project.test()
  expect(told).toMatch(/^# pass 1$/m)
  expect(told).toMatch(/^# fail 0$/m)
})

test('a call in a worker of its own leaves no copy of a test that the runner finds', { timeout: 210_000 }, async () => {
  await using project = await createProject({ 'package.json': '{}', 'tasks.mjs': tasks, 'real.test.mjs': realTests })
  for (let round = 0; round < 2; round++) {
    const told = await project.test()
    expect(told).toMatch(/^# tests 1$/m)
    expect(told).toMatch(/^# pass 1$/m)
  }
})
