/** Tasks that are made where no worker finds them, called in real workers. */
import { execFile } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { cowait } from '../cli/cowait.ts'
import { TestProject } from '../project/rig.ts'

async function projectWith(files: Readonly<Record<string, string>>): Promise<TestProject> {
  const project = await TestProject.create({ 'package.json': '{"type":"module"}', ...files })
  mkdirSync(project.path('node_modules'), { recursive: true })
  symlinkSync(join(import.meta.dirname, '../..'), project.path('node_modules/cowait'))
  return project
}

test.each(['ts', 'cts'])('a task that a function makes is refused where it is called, with the line that made it (.%s)', async (ending) => {
  const start = ending === 'ts' ? `import { task } from 'cowait'\n` : `const { task } = require('cowait')\n`
  await using project = await projectWith({
    [`m/local.${ending}`]: `${start}
      interface Nothing {}
      export const outer = task(async () => {
        const made = task(async () => 5)
        return await made()
      })
    `,
  })
  const { code, stderr } = await cowait(['run', `m/local.${ending}:outer`, '--no-record'], { cwd: project.root })
  expect(code).toBe(1)
  expect(stderr.split('a task that is made inside of a function')).toHaveLength(2)
  expect(stderr).toMatch(
    new RegExp(`a function \\(.*m/local\\.${ending}:5:\\d+\\)?\\) cannot be found by its worker\\. Make it at the top`),
  )
  expect(stderr).toMatch(new RegExp(`at .*m/local\\.${ending}:6:\\d+`))
})

test('a task that another module makes with a function, or that is made after an await at the top, is none of these', async () => {
  await using project = await projectWith({
    'make.ts': `import { task } from 'cowait'
      const other = task(async () => 0)
      export const make = (n: number) => task(async () => n + (await other()))
      export const makeLater = async (n: number) => { await null; return task(async () => n) }
    `,
    'made.ts': `import { task } from 'cowait'
      import { make, makeLater } from './make.ts'
      const one = make(1)
      export const later = await makeLater(2)
      const four = task(async () => 4)
      export const all = task(async () => [await one(), await later(), await four(), await (await import('./lazy.ts')).lazy()])
    `,
    'lazy.ts': `import { task } from 'cowait'\nexport const lazy = task(async () => 8)\n`,
  })
  expect(await cowait(['run', 'made:all', '--no-record'], { cwd: project.root })).toMatchObject({ code: 0, stdout: '[1,2,4,8]\n' })
})

test('a script hears it from the worker', async () => {
  await using project = await projectWith({
    'script.js': `import { isMain, task } from 'cowait'
      export const first = task(async () => 1)
      const make = () => task(async () => 5)
      if (isMain(import.meta)) await make()().catch((error) => console.log(error.message))
    `,
  })
  const options = { cwd: project.root, env: { ...process.env, COWAIT_ENGINE: 'process' } }
  const { stdout } = await promisify(execFile)(process.execPath, ['script.js'], options)
  expect(stdout).toContain('Module script does not make a task number 2 while it loads. A task that is made inside of a function')
})
