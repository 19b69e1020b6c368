import { execFile } from 'node:child_process'
import { cpSync, rmSync, statSync, symlinkSync, watch } from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { TestProject } from './rig.ts'

const root = join(import.meta.dirname, '../..')
const files = { 'package.json': '{"type":"module"}', 'main.ts': "import 'cowait'\nexport const main: number = 1" }

test('another installed copy of this package leaves the tree that runs have their code from', async () => {
  await using project = await TestProject.create(files)
  await using elsewhere = await TestProject.create({})
  for (const name of ['dist', 'package.json']) cpSync(join(root, name), elsewhere.path(name), { recursive: true })
  symlinkSync(join(root, 'node_modules'), elsewhere.path('node_modules'))
  const mine = await project.compile()
  const before = statSync(mine.directory).ino
  const check = async (copy: string): Promise<string> =>
    (await promisify(execFile)(process.execPath, [join(copy, 'dist/cli.js'), 'check'], { cwd: project.root })).stdout
  expect(await check(elsewhere.root)).toBe(await check(root))
  expect(statSync(mine.directory).ino).toBe(before)
  expect((await project.compile()).directory).toBe(mine.directory)
  expect(statSync(mine.directory).ino).toBe(before)
})

test('a tree that was written to is gone only when another one is in its place', async () => {
  await using project = await TestProject.create(files)
  const { directory } = await project.compile()
  const names: string[] = []
  const watcher = watch(join(directory, '..'), (type, name) => {
    if (type === 'rename' && name !== null) names.push(name.replace(/^(\.old|\.new)-.*/, '$1'))
  })
  try {
    rmSync(join(directory, 'main.ts'))
    await project.compile()
    await expect.poll(() => names.slice(-3)).toEqual(['.new', basename(directory), '.old'])
  } finally {
    watcher.close()
  }
})
