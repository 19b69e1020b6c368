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

test('works under node:test, and nothing keeps the process alive', async () => {
  const project = await mkdtemp(join(tmpdir(), 'cowait-node-test-'))
  try {
    await mkdir(join(project, 'node_modules'))
    await symlink(join(import.meta.dirname, '../..'), join(project, 'node_modules/cowait'))
    await writeFile(join(project, 'tasks.mjs'), tasks)
    await writeFile(join(project, 'tasks.test.mjs'), tests)
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const { stdout } = await promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap'], {
      cwd: project,
      env,
      timeout: 60_000,
    })
    expect(stdout).toMatch(/^# pass 1$/m)
    expect(stdout).toMatch(/^# fail 0$/m)
  } finally {
    await rm(project, { recursive: true, force: true })
  }
})
