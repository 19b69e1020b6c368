/** What `cowait dev` takes for a change of the module that it runs. */
import { expect, test } from 'vitest'
import { moduleDigest, type ModuleDigest } from '../../src/cli/module-graph.ts'
import { TestProject } from '../project/rig.ts'

const esm = '{"type":"module"}'
const commonJs = '{"type":"commonjs"}'

/** What of the digest of the module `main` an edit changes. */
async function seen(files: Readonly<Record<string, string>>, edit: Readonly<Record<string, string>>): Promise<readonly string[]> {
  await using project = await TestProject.create(files)
  const digest = async (): Promise<ModuleDigest> => moduleDigest(await project.compile(), 'main')
  const before = await digest()
  await project.write(edit)
  const after = await digest()
  return (['code', 'data'] as const).filter((part) => after[part] !== before[part])
}

test.each<[string, Record<string, string>]>([
  ['an ES module', { 'package.json': esm, 'main.js': "import './part.js'", 'part.js': '1' }],
  ['TypeScript without an ending', { 'package.json': esm, 'main.ts': "import './part'", 'part.ts': '1' }],
  ['a required file without an ending', { 'package.json': commonJs, 'main.js': "require('./part')", 'part.js': '1' }],
  ['CommonJS of TypeScript', { 'package.json': commonJs, 'main.ts': "import './part'", 'part.js': '1' }],
  ['a name with umlauts', { 'package.json': esm, 'main.js': "import './größe.js'", 'größe.js': '1' }],
  ['a name with spaces and brackets', { 'package.json': esm, 'main.js': "import './a [id].js'", 'a [id].js': '1' }],
  ['something further away', { 'package.json': esm, 'main.ts': "import './a'", 'a.ts': "import './b/c'", 'b/c.js': '1' }],
  ['a computed import', { 'package.json': esm, 'main.ts': 'import(`./plugins/${process.argv[2]}.js`)', 'plugins/one.js': '1' }],
  ['a computed require', { 'package.json': commonJs, 'main.js': 'require(process.argv[2])', 'one.js': '1' }],
  ['a JSON module', { 'package.json': esm, 'main.ts': "import './a.json' with { type: 'json' }", 'a.json': '1' }],
  ['a config of the package', { 'main.ts': '', 'package.json': esm }],
  ['a config of ours', { 'package.json': esm, 'main.ts': '', 'cowait.config.json': '{}' }],
  ['a config in code', { 'package.json': esm, 'main.ts': '', 'cowait.config.ts': '1' }],
  ['what a config imports', { 'package.json': esm, 'main.ts': '', 'cowait.config.ts': "import './shared'", 'shared.ts': '1' }],
])('code: %s', async (_, files) => {
  const last = Object.keys(files).at(-1) ?? ''
  expect(await seen(files, { [last]: '{ }' })).toEqual(['code'])
})

test('data: a file that is no code, and JSON that nothing imports', async () => {
  const files = { 'package.json': esm, 'main.ts': '', 'data.txt': '1', 'result.json': '1' }
  expect(await seen(files, { 'data.txt': '2' })).toEqual(['data'])
  expect(await seen(files, { 'result.json': '2' })).toEqual(['data'])
})

test('code that is not imported does not count, nor does a new file of code', async () => {
  const files = { 'package.json': esm, 'main.ts': "import './part'", 'part.ts': '1', 'other.ts': '1', 'third.js': '1' }
  expect(await seen(files, { 'other.ts': '2', 'third.js': '2', 'fourth.ts': '1' })).toEqual([])
})
