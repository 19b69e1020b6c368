import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
// .ci/run installs it: npm ci --prefix tools/jest
const jest = join(root, 'tools/jest/node_modules/jest/bin/jest.js')

const tasks = `
import { delay, join, task } from 'cowait'
export const sleep = task(async ({ duration = 5 }) => {
  await delay(duration * 1000)
  return { duration, at: new Date(0), list: [new Map([[1, 2n]])] }
})
export const parallel = task(async () => await join([sleep({ duration: 5 }), sleep({ duration: 6 })]))
`

const tests = `
import { createTestRuntime } from 'cowait/testing'
import { parallel, sleep } from './tasks.mjs'

test('stand-ins, calls, faults, time', async () => {
  const rt = createTestRuntime({ clock: 'manual' })
  rt.fault(sleep, { nth: 1, kind: 'fail', error: new TypeError('no') })
  await expect(rt.run(sleep, { duration: 1 })).rejects.toMatchObject({ code: 'TASK_FAILED', cause: { name: 'TypeError', message: 'no' } })
  const run = rt.run(parallel)
  await rt.advance('6s')
  const [first, second] = await run
  expect(first).toEqual({ duration: 5, at: new Date(0), list: [new Map([[1, 2n]])] })
  expect(second.duration).toBe(6)
  rt.mock(sleep, () => ({ duration: 7 }))
  expect(await rt.run(parallel)).toEqual([{ duration: 7 }, { duration: 7 }])
  expect(rt.calls(sleep)).toHaveLength(5)
  await rt[Symbol.asyncDispose]()
})

test('what cannot cross a border is refused', async () => {
  const rt = createTestRuntime()
  await expect(rt.run(sleep, { duration: () => 1 })).rejects.toThrow('input.duration is a function')
  await rt[Symbol.asyncDispose]()
})
`

const config = { transform: {}, testEnvironment: 'node', testMatch: ['**/*.test.mjs'], moduleFileExtensions: ['mjs', 'js'] }

test.skipIf(!existsSync(jest))(
  'works under jest, with ES modules, also where files in one process load the same tasks',
  { timeout: 110_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cowait-jest-'))
    try {
      await mkdir(join(folder, 'node_modules'))
      await symlink(root, join(folder, 'node_modules/cowait'))
      const files = {
        'package.json': '{}',
        'jest.config.json': JSON.stringify(config),
        'tasks.mjs': tasks,
        'first.test.mjs': tests,
        'again.test.mjs': tests,
      }
      for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
      const args = [
        '--experimental-vm-modules',
        jest,
        '--runInBand',
        '--no-watchman',
        '--json',
        '--detectOpenHandles',
        `--cacheDirectory=${join(folder, 'cache')}`,
      ]
      const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, timeout: 100_000 }).catch(
        (error: { stdout: string }) => error,
      )
      const { testResults, openHandles } = JSON.parse(stdout) as {
        testResults: { message: string; assertionResults: { status: string }[] }[]
        openHandles: unknown[]
      }
      expect(testResults.map(({ message }) => message)).toEqual(['', ''])
      expect(testResults.flatMap(({ assertionResults }) => assertionResults.map(({ status }) => status))).toEqual(Array(4).fill('passed'))
      expect(openHandles).toEqual([])
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
)
