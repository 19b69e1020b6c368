import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { describe } from '../../src/project/describe.ts'
import { TestProject } from './rig.ts'

/** A project whose module `limited` says when it is loaded, and what `limit` is. */
async function limitedBy(limit: string, more: Readonly<Record<string, string>> = {}): Promise<TestProject> {
  const project = await TestProject.create({
    'package.json': '{"type":"module"}',
    '.gitignore': 'loads\nlinked\n',
    'limited.ts': `
      import { appendFileSync } from 'node:fs'
      import { task } from 'cowait'
      ${limit}
      appendFileSync('loads', 'x')
      export const limited = task({ timeout: limit ?? '9s', run: async () => 1 })
    `,
    ...more,
  })
  await mkdir(project.path('node_modules'), { recursive: true })
  await symlink(join(import.meta.dirname, '../..'), project.path('node_modules/cowait'))
  return project
}

/** The limit that is told, and whether the module was loaded for it. */
async function ask(project: TestProject, env: NodeJS.ProcessEnv = {}): Promise<readonly [timeoutMs: number | undefined, isLoaded: boolean]> {
  rmSync(project.path('loads'), { force: true })
  const [limited] = await describe(await project.compile(), 'limited', { env: { PATH: process.env['PATH'], ...env } })
  return [limited?.options.timeoutMs, existsSync(project.path('loads'))]
}

test.each([
  ['by name', "const limit = process.env['LIMIT']"],
  ['by import', "import { env } from 'node:process'\nconst { LIMIT: limit } = env"],
  ['in a copy of all', 'const limit = { ...process.env }.LIMIT'],
  ['when it is there', "const limit = 'LIMIT' in process.env ? process.env.LIMIT : undefined"],
])('a module that reads a variable %s is asked again when that is another one', async (_, limit) => {
  await using project = await limitedBy(limit)
  expect(await ask(project)).toEqual([9_000, true])
  expect(await ask(project, { LIMIT: '1m' })).toEqual([60_000, true])
  expect(await ask(project, { LIMIT: '1m' })).toEqual([60_000, false])
  expect(await ask(project, { LIMIT: '200ms' })).toEqual([200, true])
})

test('variables that a module does not read do not count', async () => {
  await using project = await limitedBy("const limit = process.env['LIMIT']")
  expect(await ask(project, { OTHER: '1' })).toEqual([9_000, true])
  expect(await ask(project, { OTHER: '2', MORE: '1' })).toEqual([9_000, false])
})

test('what a shell sets at each prompt does not count for a module that copies all variables', async () => {
  await using project = await limitedBy('const limit = { ...process.env }.LIMIT')
  expect(await ask(project, { SHLVL: '1', PWD: '/a' })).toEqual([9_000, true])
  expect(await ask(project, { SHLVL: '2', PWD: '/b', OLDPWD: '/a' })).toEqual([9_000, false])
})

test('a module may set variables, and reads what it has set', async () => {
  await using project = await limitedBy("process.env['LIMIT'] ??= '3s'\nconst limit = process.env['LIMIT']\ndelete process.env['LIMIT']")
  expect(await ask(project)).toEqual([3_000, true])
  expect(await ask(project)).toEqual([3_000, false])
})

test('no value of a variable is kept', async () => {
  await using project = await limitedBy("const limit = process.env['SECRET'] && '2s'")
  expect(await ask(project, { SECRET: 'hush' })).toEqual([2_000, true])
  const { cacheFolder } = await project.compile()
  const kept = readdirSync(join(cacheFolder, 'described'))
  expect(kept).toHaveLength(1)
  expect(readFileSync(join(cacheFolder, 'described', kept[0] ?? ''), 'utf8')).not.toContain('hush')
})

test('a module that reads a file of variables is asked again when that is another one', async () => {
  await using project = await limitedBy("process.loadEnvFile()\nconst limit = process.env['LIMIT']", { '.env': 'LIMIT=4s' })
  expect(await ask(project)).toEqual([4_000, true])
  await project.write({ '.env': 'LIMIT=50s' })
  expect(await ask(project)).toEqual([50_000, true])
})

test('a module that reaches a package linked from elsewhere is asked each time', async () => {
  await using elsewhere = await TestProject.create({ 'package.json': '{"name":"shared","type":"module"}', 'index.js': "export const limit = '1m'" }, 'shared')
  await using project = await limitedBy("import { limit } from './between'", {
    'between.ts': "export { limit } from 'shared/index.js'",
    'apart.ts': "import { task } from 'cowait'\nexport const apart = task(async () => 1)",
  })
  await symlink(elsewhere.root, project.path('node_modules/shared'))
  expect(await ask(project)).toEqual([60_000, true])
  writeFileSync(elsewhere.path('index.js'), "export const limit = '2m'")
  expect(await ask(project)).toEqual([120_000, true])
  expect([...(await project.compile()).leaving].sort()).toEqual(['between', 'limited'])
})

test('a module is asked again when packages were installed', async () => {
  await using project = await limitedBy("import { limit } from 'dep'", {
    'node_modules/dep/package.json': '{"name":"dep","type":"module","exports":"./index.js"}',
    'node_modules/dep/index.js': "export const limit = '1m'",
    'node_modules/.package-lock.json': '{}',
  })
  expect(await ask(project)).toEqual([60_000, true])
  expect(await ask(project)).toEqual([60_000, false])
  await project.write({ 'node_modules/dep/index.js': "export const limit = '2m'", 'node_modules/.package-lock.json': '{"lockfileVersion":3}' })
  expect(await ask(project)).toEqual([120_000, true])
})
