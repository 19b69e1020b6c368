import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { symlink } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { leftOutNote } from '../../src/core/left-out-note.ts'
import { cowait } from '../cli/cowait.ts'
import { TestProject } from '../project/rig.ts'

const reader = `
  import { readFileSync } from 'node:fs'
  import { dirname, join } from 'node:path'
  import { fileURLToPath } from 'node:url'
  import { task } from 'cowait'

  const read = (name: string): string => readFileSync(join(dirname(fileURLToPath(import.meta.url)), '..', name), 'utf8')
  export const reads = task(async ({ name }: { name: string }) => read(name))
`

async function projectWith(files: Readonly<Record<string, string>>): Promise<TestProject> {
  const project = await TestProject.create({ 'package.json': '{"type":"module"}', '.gitignore': '*.log\ntmp/\n.env\n', ...files })
  await symlink(join(import.meta.dirname, '../../node_modules'), project.path('node_modules'))
  return project
}

test('a file of the project that is left out of its program says so, and the lines that are named take it in', async () => {
  await using project = await projectWith({
    'src/reads.ts': reader,
    'data/app.log': 'logged',
    'data/kept.txt': 'kept',
    'tmp/deep/a.txt': 'deep',
    '.env': 'A=1',
  })
  const read = (name: string) => cowait(['run', 'src/reads:reads', '-i', `name=${name}`, '--no-record', '--quiet'], { cwd: project.root })
  expect(await read('data/kept.txt')).toMatchObject({ code: 0, stdout: '"kept"\n' })
  const why = 'is not part of the program (left out as a test, or by .gitignore or .cowaitignore)'
  expect((await read('data/app.log')).stderr).toContain(
    `data/app.log ${why}: write !data/app.log into .cowaitignore, or read it from the working directory.`,
  )
  expect((await read('tmp/deep/a.txt')).stderr).toContain(
    `tmp/deep/a.txt ${why}: write !tmp/deep/a.txt into .cowaitignore (and !tmp/ before it, where the whole folder is ignored), or`,
  )
  expect((await read('.env')).stderr).toContain('.env is never part of the program: give its variables with --env-file, or with envFile in')
  expect((await read('nowhere.txt')).stderr).not.toContain('part of the program')
  await project.write({ '.cowaitignore': '!data/app.log\n!tmp/\n!tmp/deep/a.txt\n' })
  expect(await read('data/app.log')).toMatchObject({ code: 0, stdout: '"logged"\n' })
  expect(await read('tmp/deep/a.txt')).toMatchObject({ code: 0, stdout: '"deep"\n' })
})

test('the same while a module loads', async () => {
  await using project = await projectWith({ 'src/loads.ts': `${reader}\nexport const text = read('data/app.log')\n`, 'data/app.log': '' })
  const { stderr } = await cowait(['run', 'src/loads:reads', '-i', 'name=x'], { cwd: project.root })
  expect(stderr).toContain('data/app.log is not part of the program')
})

test('where the project cannot be looked at, the file may be one of it', () => {
  let thrown: unknown
  try {
    readFileSync('/cowait/code/data/app.log')
  } catch (error) {
    thrown = error
  }
  expect(leftOutNote(thrown, '/cowait/code')).toMatch(
    /^If data\/app\.log is a file of the project, it is not part of the program .* write !data\//,
  )
  expect(leftOutNote(thrown, '/cowait/other')).toBeUndefined()
  expect(leftOutNote(thrown)).toBeUndefined()
})

test.each([
  { code: 'EACCES' },
  { syscall: 'spawn data/tool' },
  { path: '/cowait/code' },
  { path: '/cowait/code/node_modules/a/a.txt' },
  { path: '/data/a' },
])('says nothing about other errors: %j', (fields) => {
  const error = Object.assign(new Error('no'), { code: 'ENOENT', syscall: 'open', path: '/cowait/code/a.txt', ...fields })
  expect(leftOutNote(error, '/cowait/code')).toBeUndefined()
  expect(leftOutNote('thrown text', '/cowait/code')).toBeUndefined()
})
