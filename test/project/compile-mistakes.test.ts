import { expect, describe, test } from 'vitest'
import { TestProject } from './rig.ts'

describe('stack traces', () => {
  const places = {
    typed: 'typed.ts:10:9',
    shimmed: 'shimmed.ts:3:9',
    plain: 'plain.mjs:4:27',
    old: 'old.cjs:5:23',
    common: 'common.cts:4:9',
  }

  test.each(Object.entries(places))('of %s point to the line and column of the user’s own file', async (module, place) => {
    await using project = await TestProject.copy('stacks', 'with späce')
    const { error } = await project.run(module, "m.fail({ reason: 'why' })")
    expect(error?.stack.split('\n').slice(0, 2).join('\n')).toMatch(`Error: why\n    at `)
    expect(error?.stack).toContain(`${project.path(place)}`)
    expect(error?.stack).not.toContain('.cowait/cache')
  })

  test('code that only runs as it should under "use strict" still does', async () => {
    await using project = await TestProject.copy('stacks')
    const probe = "(() => { try { m.fail({ reason: '' }) } catch {} return m.default.isStrict })()"
    expect(await project.evaluate('old', probe)).toBe(true)
  })

  test('lines of the files that import are right, too', async () => {
    await using project = await TestProject.create({
      'package.json': '{"type":"module"}',
      'deep/one.ts': 'type A = 1\n\nexport const one = (): void => {\n  throw new Error("x")\n}\n',
      'two.ts': "import { one } from './deep/one'\n\n\n\nexport function two(): void {\n  one()\n}\n",
    })
    const { error } = await project.run('two', 'm.two()')
    expect(error?.stack).toContain(project.path('deep/one.ts:4:9'))
    expect(error?.stack).toContain(project.path('two.ts:6:3'))
  })
})

describe('a file with a mistake', () => {
  test('does not hurt the others, and throws its place and line when it is imported', async () => {
    await using project = await TestProject.copy('mistakes')
    expect(await project.evaluate('fine', 'm.fine')).toBe(1)
    for (const module of ['syntax', 'uses-syntax']) {
      const { error } = await project.run(module, '0')
      expect(error).toMatchObject({ name: 'SyntaxError', message: expect.stringContaining('syntax.ts:2:20: Unexpected "="') as string })
      expect(error?.message).toContain('2 | export const bad = = 2')
    }
  })

  test('is told before anything is imported', async () => {
    await using project = await TestProject.copy('mistakes')
    const { problems } = await project.compile()
    expect(problems.find(({ path }) => path === 'syntax.ts')).toMatchObject({ type: 'syntax', line: 2, column: 20 })
    expect(problems.map(({ path }) => path).sort()).toEqual(['syntax.ts', 'template.js'])
  })

  test('stays what it is when it is JavaScript: it may be data', async () => {
    await using project = await TestProject.copy('mistakes')
    const { files } = await project.compile()
    expect(files.find(({ path }) => path === 'template.js')?.size).toBe(29)
  })

  test('says that an import leads out of the project', async () => {
    await using outer = await TestProject.create({ 'elsewhere/outside.ts': 'export const outside = 1' }, 'outer')
    await outer.write({ 'in/package.json': '{}', 'in/leaves.ts': "import { outside } from '../elsewhere/outside.ts'\nexport const seen = outside\n" })
    const { error } = await outer.run('leaves', '0', { start: 'in' })
    expect(error?.message).toMatch(/^leaves\.ts:1:26: "\.\.\/elsewhere\/outside\.ts" leads out of the project\. .*cowait\.config\.json/)
  })

  test.each([
    ['in a comment', 'c.js', "// was once: require('../outside')\nexports.seen = 1", 1],
    ['that may fail', 'c.js', "let seen = 2\ntry { seen = require('../outside') } catch (error) { if (error.code !== 'MODULE_NOT_FOUND') throw error }\nexports.seen = seen", 2],
    ['that may fail, in TypeScript', 'c.ts', "export let seen: number = 3\ntry { seen = require('../outside') } catch {}", 3],
  ])('says nothing of a call of require that leads out of the project, %s', async (_, file, text, seen) => {
    await using outer = await TestProject.create({ 'outside.js': 'module.exports = 0', 'in/package.json': '{}', [`in/${file}`]: text }, 'outer')
    expect((await outer.compile('in')).problems).toEqual([])
    expect(await outer.evaluate('c', 'm.seen', { start: 'in' })).toBe(seen)
  })

  test('says when it is made that a call of require leads out of the project, in the line of the call', async () => {
    await using outer = await TestProject.create({ 'outside.js': '', 'in/package.json': '{}', 'in/c.js': "exports.call = () => {\n  require('../outside')\n}" }, 'outer')
    const { error } = await outer.run('c', 'm.call()', { start: 'in' })
    expect(error?.message).toMatch(/^"\.\.\/outside" leads out of the project\. .*cowait\.config\.json/)
    expect(error?.stack).toContain(outer.path('in/c.js:2:3'))
  })

  test('says that an import which becomes a call of require leads out of the project', async () => {
    await using outer = await TestProject.create({ 'outside.js': '', 'in/package.json': '{"type":"commonjs"}', 'in/c.ts': "import '../outside'\nexport const seen = 1" }, 'outer')
    expect((await outer.compile('in')).problems).toMatchObject([{ type: 'import', path: 'c.ts', line: 1 }])
  })

  test('an import of nothing is Node’s to refuse', async () => {
    await using project = await TestProject.copy('mistakes')
    expect((await project.run('missing', '0')).error?.message).toContain('Cannot find module')
  })

  test('a tsconfig.json that cannot be used hurts the files that it is for, until it is mended', async () => {
    await using project = await TestProject.create({
      'package.json': '{"type":"module"}',
      'main.ts': 'export const fine: number = 1',
      'sub/tsconfig.json': '{"extends":"@none/base"}',
      'sub/a.ts': 'export const a: number = 2',
    })
    expect(await project.evaluate('main', 'm.fine')).toBe(1)
    expect((await project.run('sub/a', 'm.a')).error?.message).toMatch(/^sub\/a\.ts:1:1: The tsconfig\.json of .*\/sub cannot be used: .*@none\/base/)
    await project.write({ 'sub/tsconfig.json': '{}' })
    expect(await project.evaluate('sub/a', 'm.a')).toBe(2)
  })
})
