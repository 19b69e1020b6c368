import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TestProject } from './rig.ts'

test.each([
  ['a relative path', "export { v as seen } from './generated/client'"],
  ['an alias of tsconfig.json', "export { v as seen } from '@made/client'"],
  ['an import of package.json', "export { v as seen } from '#made/client'"],
  ['a call of require', "export const seen = require('./generated/client').v"],
])('a file that was missing is found when it comes into an ignored folder: by %s', async (_, text) => {
  await using project = await TestProject.create({
    'package.json': '{"type":"module","imports":{"#made/*":"./src/generated/*.ts"}}',
    'tsconfig.json': '{"compilerOptions":{"paths":{"@made/*":["./src/generated/*"]}}}',
    '.gitignore': 'src/generated/\n',
    'src/main.ts': text,
  })
  await mkdir(project.path('src/generated'))
  expect((await project.run('src/main', 'm.seen')).error?.message).toMatch(/Cannot find|not defined/)
  await settle(project)
  await project.write({ 'src/generated/client.ts': 'export const v: number = 1' })
  expect(await project.evaluate('src/main', 'm.seen')).toBe(1)
})

test('what no file of the user’s can be is not looked for at each start', async () => {
  await using project = await TestProject.create({
    'package.json': '{"type":"module"}',
    'tsconfig.json': '{"compilerOptions":{"paths":{"*":["./types/*"]}}}',
    'main.ts': "import fs from 'fs'\nimport path from 'node:path'\nimport { task } from 'cowait'\nexport const main = [fs, path, task]",
    'plain.mjs': "try { await import('not-installed') } catch {}\nexport const plain = 1",
  })
  await settle(project)
  const { cacheFolder } = await project.compile()
  rmSync(join(cacheFolder, 'analyses'), { recursive: true })
  await project.compile()
  expect(readdirSync(join(cacheFolder, 'analyses'))).toEqual([])
})

const hidden = { 'package.json': '{"type":"module"}', '.gitignore': '.*\n' }

test.each([
  ['at the top', hidden, '.', ''],
  ['in a folder', hidden, '.', 'sub/'],
  ['in a folder that only a task’s file makes a project', {}, 'main.ts', ''],
])('an ignore file that is ignored itself is followed: %s', async (_, files, start, folder) => {
  await using project = await TestProject.create({
    ...files,
    'main.ts': 'export const main: number = 1',
    [`${folder}.cowaitignore`]: 'big.bin\n',
    [`${folder}big.bin`]: 'x',
  })
  const paths = async (): Promise<string[]> => (await project.compile(start)).files.map(({ path }) => path)
  await settle(project, start)
  expect(await paths()).not.toContain(`${folder}big.bin`)
  writeFileSync(project.path(`${folder}.cowaitignore`), '')
  expect(await paths()).toContain(`${folder}big.bin`)
})

test('a tsconfig.json that is extended and ignored is followed', async () => {
  const base = (usesDefine: boolean): string => JSON.stringify({ compilerOptions: { useDefineForClassFields: usesDefine, target: 'es2022' } })
  await using project = await TestProject.create({
    'package.json': '{"type":"module"}',
    '.gitignore': 'tsconfig.base.json\n',
    'tsconfig.json': '{"extends":"./tsconfig.base.json"}',
    'tsconfig.base.json': base(true),
    'main.ts': 'class Base { set x(_: number) { seen = true } }\nclass Sub extends Base { x = 1 }\nlet seen = false\nnew Sub()\nexport const main = seen',
  })
  expect(await project.evaluate('main', 'm.main')).toBe(false)
  await settle(project)
  writeFileSync(project.path('tsconfig.base.json'), base(false))
  expect(await project.evaluate('main', 'm.main')).toBe(true)
})

/** Until everything has been as it is for long enough that its times tell so. */
async function settle(project: TestProject, start = '.'): Promise<void> {
  await project.compile(start)
  await new Promise((resolve) => setTimeout(resolve, 50))
  await project.compile(start)
}
