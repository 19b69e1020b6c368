/** What a task writes beside its module in a process goes with the next start: the run says so. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cowait } from '../cli/cowait.ts'

const MODULE = `
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { task } from 'cowait'

export const beside = task(() => writeFileSync(new URL('./count.txt', import.meta.url), '1'))
export const top = task(() => mkdirSync(new URL('../out', import.meta.url)))
export const failing = task(() => {
  writeFileSync(new URL('./count.txt', import.meta.url), '1')
  throw new Error('afterwards')
})
export const elsewhere = task(() => {
  writeFileSync('count.txt', '1')
  writeFileSync(join(tmpdir(), 'program-writes.txt'), '1')
})
`

let root: string

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'program-writes-'))
  symlinkSync(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(root, 'node_modules'))
  writeFileSync(join(root, 'package.json'), '{"type":"module"}')
  writeFileSync(join(root, '.gitignore'), '/count.txt\n')
  mkdirSync(join(root, 'src'))
  writeFileSync(join(root, 'src/main.ts'), MODULE)
})

afterAll(() => {
  rmSync(join(tmpdir(), 'program-writes.txt'))
  rmSync(root, { recursive: true })
})

test.each([
  { name: 'beside', path: 'src/count.txt' },
  { name: 'failing', path: 'src/count.txt' },
  { name: 'top', path: 'out' },
])('a file of $name', async ({ name, path }) => {
  const { stderr } = await cowait(['run', `src/main:${name}`], { cwd: root })
  expect(stderr).toContain(`${path} was written into the folder of the program, ${root}/.cowait/cache/trees/`)
  expect(stderr).toContain(`process.cwd() (here ${root})`)
})

test('nothing is said of a write into a folder of one’s own', async () => {
  const { code, stderr } = await cowait(['run', 'src/main:elsewhere'], { cwd: root })
  expect(code).toBe(0)
  expect(stderr).not.toContain('was written')
})
