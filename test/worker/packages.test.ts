/** Tasks of installed packages that a task or a script calls, in real workers. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { cowait } from '../cli/cowait.ts'
import { TestProject } from '../project/rig.ts'

const repository = join(import.meta.dirname, '../..')
const esm = (name: string): string => `import { task } from 'cowait'\nexport const ${name} = task(async () => 'from ${name}')\n`

async function projectWith(files: Readonly<Record<string, string>>): Promise<TestProject> {
  const project = await TestProject.create({ 'package.json': '{"type":"module"}', ...files })
  mkdirSync(project.path('node_modules'), { recursive: true })
  symlinkSync(repository, project.path('node_modules/cowait'))
  return project
}

/** Calls what a package exports from a task, and answers what was printed. */
async function calling(project: TestProject, name: string, specifier: string): Promise<string> {
  await project.write({
    'call.js': `import { task } from 'cowait'
      import { ${name} } from '${specifier}'
      export const call = task(async () => await ${name}())`,
  })
  const { stdout, stderr } = await cowait(['run', 'call.js:call', '--no-record'], { cwd: project.root })
  return stdout || stderr
}

test.each([
  ['by its main file', 'main', '{"name":"@acme/tasks","type":"module","main":"./dist/index.js"}', '@acme/tasks'],
  [
    'by one of its exports',
    'sub',
    '{"name":"@acme/tasks","type":"module","exports":{".":"./dist/index.js","./sub":"./dist/sub.js"}}',
    '@acme/tasks/sub',
  ],
  ['from another file than its own', 'inner', '{"name":"@acme/tasks","type":"module","exports":{".":"./dist/index.js"}}', '@acme/tasks'],
  ['under a pattern', 'sub', '{"name":"@acme/tasks","type":"module","exports":{"./*":"./dist/*.js"}}', '@acme/tasks/sub'],
  ['for import alone', 'main', '{"name":"@acme/tasks","type":"module","exports":{"import":"./dist/index.js"}}', '@acme/tasks'],
])('a task that a package exports %s', async (_how, name, manifest, specifier) => {
  await using project = await projectWith({
    'node_modules/@acme/tasks/package.json': manifest,
    'node_modules/@acme/tasks/dist/index.js': `${esm('main')}export { inner } from './inner.js'\n`,
    'node_modules/@acme/tasks/dist/inner.js': esm('inner'),
    'node_modules/@acme/tasks/dist/sub.js': esm('sub'),
  })
  expect(await calling(project, name, specifier)).toBe(`"from ${name}"\n`)
})

test('a task of a CommonJS package, which is a link, and whose text does not tell its name', async () => {
  await using project = await projectWith({})
  await using linked = await projectWith({
    'package.json': '{"name":"tools"}',
    'index.js': `const { task } = require('cowait')\nconst tool = task(async () => 'from a link')\nmodule.exports = { tool }\n`,
  })
  symlinkSync(linked.root, project.path('node_modules/tools'))
  expect(await calling(project, 'tool', 'tools')).toBe('"from a link"\n')
})

test('what a package of a package has is to be exported by the project', async () => {
  await using project = await projectWith({
    'node_modules/outer/package.json': '{"name":"outer","type":"module","main":"index.js"}',
    'node_modules/outer/index.js': `export { deep } from 'inner'\n`,
    'node_modules/outer/node_modules/inner/package.json': '{"name":"inner","type":"module","main":"index.js"}',
    'node_modules/outer/node_modules/inner/index.js': esm('deep'),
  })
  expect(await calling(project, 'deep', 'outer')).toContain(
    `${project.path('node_modules/outer/node_modules/inner/index.js')} was called, and package inner cannot be found from the project: re-export`,
  )
  await project.write({ 'own.js': `export { deep } from 'outer'\n` })
  expect(await calling(project, 'deep', './own.js')).toBe('"from deep"\n')
})

test.each(['ext', 'own'])('a script calls the tasks of packages and its own in one tree, %s first', async (first) => {
  await using project = await projectWith({
    'node_modules/@acme/tasks/package.json': '{"name":"@acme/tasks","type":"module","exports":"./dist/index.js"}',
    'node_modules/@acme/tasks/dist/index.js': esm('ext'),
    'script.js': `import { isMain, task } from 'cowait'
      import { ext } from '@acme/tasks'
      export const own = task(async () => 'from own')
      if (isMain(import.meta)) console.log(await ${first}(), await own(), await ext())`,
  })
  const env = { ...process.env, COWAIT_ENGINE: 'process' }
  const { stdout } = await promisify(execFile)(process.execPath, [project.path('script.js')], { cwd: '/', env })
  expect(stdout).toBe(`from ${first} from own from ext\n`)
  expect(existsSync(project.path('node_modules/@acme/tasks/.cowait'))).toBe(false)
})

test('a program that is installed calls its own tasks, wherever it is started', async () => {
  await using project = await projectWith({
    'node_modules/tool/package.json': '{"name":"tool","type":"module","bin":"./bin.js"}',
    'node_modules/tool/tasks.js': esm('helps'),
    'node_modules/tool/bin.js': `import { helps } from './tasks.js'
      console.log(await helps())`,
  })
  mkdirSync(project.path('node_modules/.bin'), { recursive: true })
  symlinkSync('../tool/bin.js', project.path('node_modules/.bin/tool'))
  const env = { ...process.env, COWAIT_ENGINE: 'process' }
  for (const script of ['.bin/tool', 'tool/bin.js']) {
    const { stdout } = await promisify(execFile)(process.execPath, [project.path(`node_modules/${script}`)], { cwd: '/', env })
    expect(stdout).toBe('from helps\n')
  }
})
