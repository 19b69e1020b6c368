import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { CowaitConfig } from '../../src/core/config-types.ts'
import { checkConfig } from '../../src/project/check-config.ts'
import { chooseTarget, settingsFor } from '../../src/project/choose-target.ts'
import { moduleName } from '../../src/project/module-name.ts'
import { findPlace } from '../../src/project/project.ts'
import { TestProject } from './rig.ts'

describe('finding a project', () => {
  test('nearest config, else nearest package.json, else the folder of the file', async () => {
    await using project = await TestProject.create({
      'a/package.json': '{}',
      'a/b/cowait.config.json': '{}',
      'a/b/c/package.json': '{}',
      'a/b/c/task.ts': '',
      'a/d/task.ts': '',
      'e/task.ts': '',
    })
    const place = async (start: string): Promise<unknown> => await findPlace(project.path(start))
    expect(await place('a/b/c/task.ts')).toEqual({ root: project.path('a/b'), treeRoot: project.path('a'), loose: false, configFile: project.path('a/b/cowait.config.json') })
    expect(await place('a/d/task.ts')).toEqual({ root: project.path('a'), treeRoot: project.path('a'), loose: false })
    expect(await place('a/d')).toMatchObject({ root: project.path('a') })
    expect(await place('a/d/not/there.ts')).toMatchObject({ root: project.path('a') })
    expect(await place('e/task.ts')).toEqual({ root: project.path('e'), treeRoot: project.path('e'), loose: true })
  })

  test('a file of a tree belongs to the project that the tree was made from, under the name of its source', async () => {
    await using project = await TestProject.create({ 'package.json': '{}', 'jobs/a.ts': '', 'jobs/b.mjs': 'export {}' })
    const { directory, modules } = await project.compile()
    const compiled = (name: string): string => `${directory}/${modules.get(name)?.compiled}`
    expect(await findPlace(compiled('jobs/a'))).toMatchObject({ root: project.root })
    for (const name of ['jobs/a', 'jobs/b']) expect(moduleName(project, compiled(name))).toBe(name)
    expect(moduleName(project, project.path('jobs/a.ts'))).toBe('jobs/a')
  })

  test.each([
    ['npm', { 'package-lock.json': '{}', 'package.json': '{"workspaces":["packages/*","!packages/out"]}' }],
    ['yarn', { 'yarn.lock': '', 'package.json': '{"workspaces":{"packages":["./packages/*","!packages/out"]}}' }],
    ['bun', { 'bun.lock': '', 'package.json': '{"workspaces":["packages/**","!packages/out"]}' }],
    ['pnpm', { 'pnpm-lock.yaml': '', 'pnpm-workspace.yaml': "packages:\n  - 'packages/*'\n  - '!packages/out'\n", 'package.json': '{}' }],
  ])('in a workspace of %s the tree is rooted at the lockfile', async (_, files) => {
    await using project = await TestProject.create({ ...files, 'packages/in/package.json': '{}', 'packages/out/package.json': '{}', 'other/package.json': '{}' })
    expect(await findPlace(project.path('packages/in'))).toMatchObject({ root: project.path('packages/in'), treeRoot: project.root })
    for (const own of ['packages/out', 'other']) expect(await findPlace(project.path(own))).toMatchObject({ root: project.path(own), treeRoot: project.path(own) })
  })
})

test('settings are those of the engine that is named beside them', () => {
  const settings = (config: CowaitConfig, name: string, rootEngine: string, cluster?: string): unknown =>
    settingsFor(chooseTarget({ config, root: '/' }, cluster), name, rootEngine)
  const team: CowaitConfig = { engine: 'kubernetes', namespace: 'team', timeout: '1m' }
  expect(settings(team, 'kubernetes', 'process')).toEqual({ namespace: 'team' })
  expect(settings(team, 'docker', 'kubernetes')).toEqual({})
  const lab = { engine: 'docker', host: 'ssh://lab' } as const
  expect(settings({ ...team, clusters: { lab } }, 'docker', 'kubernetes')).toEqual({ host: 'ssh://lab' })
  expect(settings({ ...team, clusters: { lab, den: { ...lab, host: 'ssh://den' } } }, 'docker', 'kubernetes')).toEqual({})
  expect(settings({ ...lab, clusters: { far: team } }, 'docker', 'kubernetes', 'far')).toEqual({ host: 'ssh://lab' })
  // Nobody says whose it is.
  expect(settings({ namespace: 'team' }, 'kubernetes', 'kubernetes')).toEqual({ namespace: 'team' })
  expect(settings({ namespace: 'team' }, 'kubernetes', 'process')).toEqual({ namespace: 'team' })
  expect(settings({ namespace: 'team' }, 'docker', 'kubernetes')).toEqual({})
})

test('what a cluster says of variables, volumes and tags is laid over those of the top by key', () => {
  const config: CowaitConfig = {
    timeout: '1m',
    env: { A: 'top', B: 'top' },
    volumes: { '/data': { volume: 'data' } },
    tags: { team: 'a' },
    clusters: { lab: { env: { B: 'lab', C: 'lab' }, volumes: { '/more': { volume: 'more' } }, tags: { place: 'lab' } } },
  }
  const { defaults } = chooseTarget({ config, root: '/' }, 'lab')
  expect(defaults).toMatchObject({ timeoutMs: 60_000, env: { A: 'top', B: 'lab', C: 'lab' }, tags: { team: 'a', place: 'lab' } })
  expect(Object.keys(defaults.volumes ?? {})).toEqual(['/data', '/more'])
})

describe('the config', () => {
  test('is TypeScript of the project, with imports', async () => {
    await using project = await TestProject.copy('tasks')
    const { config } = await project.find()
    expect(config).toEqual({ engine: 'process', concurrency: 3, tasks: ['jobs'], timeout: '2m', clusters: { prod: { engine: 'kubernetes', namespace: 'jobs' } } })
    await project.write({ 'limit.ts': 'export const limit: number = 4' })
    expect((await project.find()).config.concurrency).toBe(4)
  })

  test.each([
    ['cowait.config.json', '{ "$schema": "x", "concurrency": 2 }'],
    ['cowait.config.js', 'module.exports = { concurrency: 2 }'],
    ['cowait.config.mjs', 'export default { concurrency: 2 }'],
    ['cowait.config.mts', 'export default { concurrency: 2 as number }'],
    ['cowait.config.cjs', 'module.exports = { concurrency: 2 }'],
    ['cowait.config.cts', 'export default { concurrency: 2 as number }'],
    ['cowait.config.cts', 'export = { concurrency: 2 as number }'],
  ])('may be %s', async (name, text) => {
    await using project = await TestProject.create({ [name]: text })
    expect((await project.find()).config.concurrency).toBe(2)
  })

  test.each([
    ['cowait.config.ts', 'export default { concurrency: 2 as number }'],
    ['cowait.config.ts', 'export = { concurrency: 2 as number }'],
    ['cowait.config.js', 'export default { concurrency: 2 }'],
    ['cowait.config.js', 'module.exports = { concurrency: 2 }'],
  ])('of a CommonJS package may be %s with %s', async (name, text) => {
    await using project = await TestProject.create({ 'package.json': '{ "type": "commonjs" }', [name]: text })
    expect((await project.find()).config.concurrency).toBe(2)
  })

  test('without a default export is refused in a CommonJS package too', async () => {
    await using project = await TestProject.create({ 'package.json': '{ "type": "commonjs" }', 'cowait.config.ts': 'export const config = {}' })
    await expect(project.find()).rejects.toMatchObject({ message: 'cowait.config.ts has no default export. Write export default { ... }' })
  })

  test.each(['.cjs', '.cts'])('may be cowait.config%s in a package of ES modules', async (ending) => {
    await using project = await TestProject.create({ 'package.json': '{ "type": "module" }', [`cowait.config${ending}`]: 'module.exports = { concurrency: 2 }' })
    expect((await project.find()).config.concurrency).toBe(2)
  })

  test.each(['.yaml', '.yml', '.toml', '.jsonc', '.json5', '.tsx', '.jsx'])('with the ending %s it is refused, and not passed over', async (ending) => {
    await using project = await TestProject.create({ 'package.json': '{}', [`jobs/cowait.config${ending}`]: '' })
    await expect(project.find('jobs')).rejects.toMatchObject({
      name: 'UsageError',
      message: `cowait.config${ending} is not read: a config is TypeScript, JavaScript or JSON. Write it as cowait.config.ts, .js or .json.`,
    })
    await project.write({ 'jobs/cowait.config.json': '{ "concurrency": 2 }' })
    expect((await project.find('jobs')).config.concurrency).toBe(2)
  })

  test('is empty where there is none', async () => {
    await using project = await TestProject.create({ 'package.json': '{}' })
    expect((await project.find()).config).toEqual({})
  })

  test.each([
    ['{ "concurency": 2 }', 'cowait.config.json: there is no key "concurency". Did you mean "concurrency"?'],
    ['{ "concurrency": 0 }', 'cowait.config.json: concurrency is 0, but must be a whole number above 0'],
    ['{ "engine": "podman" }', 'cowait.config.json: engine is "podman", but must be one of process, docker, kubernetes'],
    ['{ "timeout": "5 parsecs" }', /^cowait\.config\.json: timeout: "5 parsecs"/],
    ['{ "tasks": "jobs" }', 'cowait.config.json: tasks is "jobs", but must be a list of folders, such as ["jobs"]'],
    ['{ "clusters": { "prod": { "nmespace": "x" } } }', 'cowait.config.json: clusters.prod: there is no key "nmespace". Did you mean "namespace"?'],
    ['{ "clusters": { "prod": {} }, "defaultCluster": "prd" }', 'cowait.config.json: defaultCluster is "prd", and clusters has no such name. Did you mean "prod"?'],
    ['[]', /^cowait\.config\.json: a config is an object, not/],
    ['{ "engine": ', /^cowait\.config\.json is not JSON: /],
  ])('%s is refused with what to write instead', async (text, message) => {
    await using project = await TestProject.create({ 'cowait.config.json': text })
    const expected = typeof message === 'string' ? message : (expect.stringMatching(message) as string)
    await expect(project.find()).rejects.toMatchObject({ name: 'UsageError', code: 'USAGE', message: expected })
  })

  test.each([
    ['export default {', /^cowait\.config\.ts:1:17: Expected identifier but found end of file/],
    ['throw new Error("not today")', /^cowait\.config\.ts could not be loaded: Error: not today$/],
    ['export const config = {}', /^cowait\.config\.ts has no default export/],
  ])('code that cannot be loaded says why: %s', async (text, message) => {
    await using project = await TestProject.create({ 'cowait.config.ts': text })
    await expect(project.find()).rejects.toMatchObject({ name: 'UsageError', message: expect.stringMatching(message) as string })
  })
})

describe('docs/config.md', () => {
  const guide = readFileSync(join(import.meta.dirname, '../../docs/config.md'), 'utf8')

  test('tells of each key once, and of no other', () => {
    const rows = [...guide.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].flatMap(([, cell = '']) => [...cell.matchAll(/\w+/g)].map(([key]) => key))
    const refused = messageOf(() => checkConfig({ 'no such key at all': 1 }, 'x'))
    expect(rows.toSorted()).toEqual(/ There are (.*)\.$/.exec(refused)?.[1]?.split(', ').toSorted())
  })

  test('has an example that loads', async () => {
    const [, text = ''] = /^```ts\n(.*?)^```$/ms.exec(guide) ?? []
    await using project = await TestProject.create({ 'package.json': '{}', '.env': 'A=1', 'cowait.config.ts': text })
    const found = await project.find()
    expect(Object.keys(found.config.clusters ?? {})).toEqual(['lab', 'prod'])
    expect(chooseTarget(found, 'lab')).toMatchObject({ engine: 'docker', concurrency: 8, settings: { host: 'ssh://me@lab' }, defaults: { env: { A: '1' } } })
  })
})

function messageOf(throws: () => unknown): string {
  try {
    throws()
    return ''
  } catch (error) {
    return (error as Error).message
  }
}
