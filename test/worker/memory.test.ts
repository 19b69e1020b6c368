import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const repository = join(import.meta.dirname, '../..')

const tasks = `
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { task, delay } from 'cowait'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')

export const slow = task(async ({ text }) => await delay(60_000 + text.length))
export const heldMiB = task(async () => {
  const runs = Array.from({ length: 200 }, (_, i) => slow({ text: String(i).padEnd(200_000, 'x') }))
  const ended = Promise.allSettled(runs)
  let held = Infinity
  for (let i = 0; i < 1_000 && held > 10; i++) {
    await delay(50)
    collect()
    held = process.memoryUsage().arrayBuffers / 2 ** 20
  }
  for (const run of runs) run.cancel()
  await ended
  return held
})
`

test('inputs of calls that wait for their turn are not kept by their caller', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cowait memory-'))
  try {
    writeFileSync(join(folder, 'tasks.mjs'), tasks)
    mkdirSync(join(folder, 'node_modules'))
    symlinkSync(repository, join(folder, 'node_modules/cowait'))
    const run = ['run', 'tasks.mjs:heldMiB', '--engine', 'process', '--concurrency', '2', '--quiet', '--no-record']
    const output = execFileSync(process.execPath, [join(repository, 'dist/cli.js'), ...run], { cwd: folder, encoding: 'utf8' })
    // All inputs are 38 MiB.
    expect(Number(output)).toBeLessThan(10)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
