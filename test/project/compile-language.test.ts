import { symlink } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { TestProject } from './rig.ts'

describe('a project without package.json and tsconfig.json', () => {
  const all = {
    b: 'b',
    c: 'c',
    inFolder: 'in folder',
    d: 'd',
    e: 'e.cts',
    f: 'fb',
    g: 'gb',
    h: 'hb',
    i: { type: 'p', props: { title: 'i', children: 'hello' } },
    j: { type: 'br', props: {} },
  }

  test('runs every kind of file, and imports without endings, by other endings and of folders', async () => {
    await using project = await TestProject.copy('bare')
    expect(await project.evaluate('main', 'm.all')).toEqual(all)
    expect(await project.evaluate('h', 'm.default.strict')).toBe(true)
  })

  test('runs from a path with spaces, accents and characters that mean something in URLs', async () => {
    await using project = await TestProject.copy('bare', 'a projet d’été #1 100% [x]')
    expect(await project.evaluate('main', 'm.all')).toEqual(all)
  })

  test('registers what each module exports under its path without the ending', async () => {
    await using project = await TestProject.copy('bare')
    const { registered } = await project.run('main', '0')
    expect(registered).toMatchObject({
      main: ['all'],
      'folder/index': ['inFolder'],
      d: ['d'],
      f: ['f'],
      h: ['default', 'h', 'strict'],
      i: ['element'],
    })
    expect(registered['e']).toContain('e')
  })
})

describe('what TypeScript has and JavaScript lacks', () => {
  test('enums, decorators, using, await at top level, JSX, paths, imports and self-references of package.json', async () => {
    await using project = await TestProject.copy('language')
    expect(await project.evaluate('src/main', 'm.seen')).toEqual({
      own: 'own',
      deep: 'deep',
      alias: 'alias',
      byBase: 'by base',
      colour: 'red',
      size: 1,
      marked: true,
      field: 'field',
      closed: ['first'],
      later: 'later',
      typed: { yes: true },
      element: ['tiny', 'b', 'bold'],
    })
  })

  test('standard decorators, where the nearest tsconfig.json does not ask for the old ones', async () => {
    await using project = await TestProject.copy('language')
    expect(await project.evaluate('standard/main', 'm.seen')).toEqual({ names: ['count'], count: 42 })
  })

  test('a changed tsconfig.json compiles again', async () => {
    await using project = await TestProject.create({
      'package.json': '{"type":"module"}',
      'tsconfig.json': '{"extends":"./base.json"}',
      'base.json': '{"compilerOptions":{"paths":{"x":["./one.ts"]}}}',
      'one.ts': 'export const x = 1',
      'two.ts': 'export const x = 2',
      'main.ts': 'export { x } from "x"',
    })
    expect(await project.evaluate('main', 'm.x')).toBe(1)
    await project.write({ 'base.json': '{"compilerOptions":{"paths":{"x":["./two.ts"]}}}' })
    expect(await project.evaluate('main', 'm.x')).toBe(2)
  })

  test('using in plain JavaScript', async () => {
    await using project = await TestProject.create({
      'main.mjs': 'export const log = []\n{ await using x = { async [Symbol.asyncDispose]() { log.push(1) } } }',
    })
    expect(await project.evaluate('main', 'm.log')).toEqual([1])
  })
})

describe('CommonJS', () => {
  test('a package that says commonjs gets it: require, computed require, old default exports, __filename', async () => {
    await using project = await TestProject.copy('commonjs')
    expect(await project.evaluate('main', 'm.seen')).toEqual({
      value: 1,
      defaulted: 'the default',
      modern: 'modern',
      lazy: 'lazy',
      json: 5,
      computed: 'one',
      aliased: 1,
      file: 'main.ts',
      folder: true,
      resolved: 'value.ts.cjs',
    })
    expect(await project.evaluate('main', "Promise.all(['one', 'two'].map(m.dynamic))")).toEqual(['one', 'two1'])
  })

  test('a file of such a package that only an ES module can run is one', async () => {
    await using project = await TestProject.copy('commonjs')
    expect(await project.evaluate('new', 'm.seen')).toEqual({ value: 1, plugin: 'one', renamed: 'one', url: 'data.json', later: 3 })
    expect(await project.evaluate('module-syntax', 'm.fromModule')).toBe(2)
  })

  test('a package that says nothing gets ES modules with require, __dirname and __filename where they are used', async () => {
    await using project = await TestProject.copy('typeless')
    expect(await project.evaluate('main', 'm.seen')).toEqual({
      helper: 'helper',
      old: 'old',
      shared: 'shared',
      n: 7,
      text: 'a note',
      file: 'main.ts',
      meta: 'main.ts',
      viaRequire: 'old',
      late: 'helper',
      inner: 'mine:x',
    })
  })
})

describe('data', () => {
  const seen = {
    name: 'config',
    odd: 1,
    same: true,
    list: [1, 2],
    bare: 'dependency',
    plain: { name: 'config', 'odd key': 1, class: 2, default: 3 },
  }

  test('JSON is imported with and without the attribute, and by its keys', async () => {
    await using project = await TestProject.copy('data')
    const { value, stderr } = await project.run('src/main', 'm.seen')
    expect(value).toEqual(seen)
    // Only JSON of an installed package is left to Node 20, which calls it an experiment.
    expect(stderr.replaceAll(/.*ExperimentalWarning: Importing JSON modules.*|.*Use `node --trace-warnings.*/g, '').trim()).toBe('')
    expect((await project.run('src/main', 'm.literal()')).value).toBe('config')
  })

  test('lies where import.meta.url says', async () => {
    await using project = await TestProject.copy('data')
    expect((await project.run('src/main', 'm.text')).value).toBe('the text')
  })

  test('imports that are computed find the compiled file: by name, by URL, by a path in the own folder', async () => {
    await using project = await TestProject.copy('data')
    const specifiers = ['./plugins/a.ts', './plugins/a', './plugins/b.js', './plugins/count.js', '../config.json']
    const { value, error } = await project.run(
      'src/main',
      // One after another: the modules count in which order they are loaded.
      `(async () => {
        const seen = []
        for (const each of ${JSON.stringify(specifiers)}) seen.push(JSON.stringify(await m.byName(each)).slice(0, 12))
        return seen
      })()`,
    )
    expect(error).toBe(undefined)
    expect(value).toEqual(['"a1"', '"a1"', '"b2"', '"counter"', '{"name":"con'])
    expect((await project.run('src/main', "m.byName('node:path').then((path) => path.sep)")).value).toBe('/')
    // They load side by side.
    expect((await project.run('src/main', 'm.all()')).value).toEqual([expect.stringMatching(/^a[12]$/), expect.stringMatching(/^b[12]$/), 'counter'])
    expect((await project.run('src/main', 'm.fromWorkingDirectory()')).value).toBe('a1')
    expect((await project.run('src/main', "m.byName('./plugins/none')")).error?.message).toMatch(/Cannot find module .*plugins\/none/)
  })
})

describe('a workspace', () => {
  async function link(project: TestProject): Promise<void> {
    const { mkdir } = await import('node:fs/promises')
    await mkdir(project.path('node_modules/@acme'), { recursive: true })
    for (const name of ['shared', 'built']) await symlink(`../../packages/${name}`, project.path(`node_modules/@acme/${name}`))
  }

  test('is rooted at its lockfile, and has the sources of linked packages, also ignored ones that are imported', async () => {
    await using project = await TestProject.copy('workspace')
    await link(project)
    const start = 'packages/app/tasks/main.ts'
    expect(await project.evaluate('tasks/main', 'm.seen', { start })).toEqual({
      shared: 'shared other',
      whereAmI: 'in the linked package',
      built: 'built',
      nested: 'hoisted',
      rootTool: 'tool',
      local: 'local',
    })
    const tree = await project.compile(start)
    expect(tree).toMatchObject({ root: project.root, project: 'packages/app' })
    expect(tree.modules.get('../shared/src/index')?.source).toBe('packages/shared/src/index.ts')
    const paths = tree.files.map(({ path }) => path)
    expect(paths).toContain('packages/built/dist/part.js')
    expect(paths).toContain('package.json')
    expect(paths.filter((path) => path.includes('unrelated') || path.includes('node_modules'))).toEqual([])
  })

  test('a change in a linked package is another version', async () => {
    await using project = await TestProject.copy('workspace')
    await link(project)
    const start = 'packages/app'
    const before = await project.compile(start)
    await project.write({ 'packages/unrelated/index.ts': '1' })
    expect((await project.compile(start)).hash).toBe(before.hash)
    await project.write({ 'packages/shared/src/other.ts': "export const other = 'changed'" })
    expect((await project.compile(start)).hash).not.toBe(before.hash)
    expect(await project.evaluate('tasks/main', 'm.seen.shared', { start })).toBe('shared changed')
  })

  test('leads to sources by the conditions that tsconfig.json names', async () => {
    await using project = await TestProject.create({
      'package.json': '{"workspaces":["packages/*"]}',
      'package-lock.json': '{}',
      'packages/app/package.json': '{"type":"module"}',
      'packages/app/tsconfig.json': '{"compilerOptions":{"customConditions":["@acme/source"]}}',
      'packages/app/main.ts': 'export { from } from "lib"',
      'packages/lib/package.json': '{"name":"lib","exports":{"@acme/source":"./source.ts","default":"./dist/lib.js"}}',
      'packages/lib/source.ts': 'export const from: string = "source"',
      'packages/lib/dist/lib.js': 'exports.from = "dist"',
      'node_modules/.keep': '',
    })
    await symlink('../packages/lib', project.path('node_modules/lib'))
    expect(await project.evaluate('main', 'm.from', { start: 'packages/app' })).toBe('source')
  })
})
