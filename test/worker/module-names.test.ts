/** What `external()` may call a module, in real workers. */
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { cowait } from '../cli/cowait.ts'
import { TestProject } from '../project/rig.ts'

const called = `import { task } from 'cowait'\nexport const sleep = task({ memory: '64m', run: async (_, ctx) => ctx.name })\n`
const caller = `
  import { external, task } from 'cowait'
  export const call = task(async ({ ref }: { ref: string }) => {
    const run = external(ref)({})
    return [await run, run.ref.module]
  })
`

async function projectWith(files: Readonly<Record<string, string>>): Promise<TestProject> {
  const project = await TestProject.create({ 'package.json': '{"type":"module"}', ...files })
  mkdirSync(project.path('node_modules'), { recursive: true })
  symlinkSync(join(import.meta.dirname, '../..'), project.path('node_modules/cowait'))
  return project
}

async function calling(project: TestProject, ref: string, cwd = '.'): Promise<string> {
  const { stdout, stderr } = await cowait(['run', 'call:call', '-i', `ref=${ref}`, '--no-record'], { cwd: project.path(cwd) })
  return stdout || stderr
}

test('a module may have its ending, and a dot before it, as on the command line', async () => {
  await using project = await projectWith({ 'call.ts': caller, 'sleep.ts': called, 'both.ts': called, 'both.js': called })
  await project.write({ 'both.js': called.replace('sleep', 'script') })
  expect(await calling(project, 'sleep.ts')).toBe('["sleep","sleep.ts"]\n')
  expect(await calling(project, './sleep.ts:sleep')).toBe('["sleep","sleep.ts"]\n')
  expect(await calling(project, './sleep')).toBe('["sleep","sleep"]\n')
  // Of two files that differ in the ending alone, the second keeps it in its name.
  expect(await calling(project, 'both.js:script')).toBe('["script","both.js"]\n')
  expect(await calling(project, 'slep')).toContain(
    `There is no module slep in this version of the code. Did you mean "sleep"? Modules are named by their paths from ${project.root}.`,
  )
  expect(await calling(project, 'call.test.ts:call')).toContain('Tests are not part of it')
})

test('an unknown module of a workspace tells from where names count', async () => {
  await using project = await projectWith({
    'package.json': '{"workspaces":["apps/*","packages/*"]}',
    'package-lock.json': '{}',
    'apps/x/package.json': '{"name":"x","type":"module","dependencies":{"a":"*"}}',
    'apps/x/call.ts': `import 'a'\n${caller}`,
    'packages/a/package.json': '{"name":"a","type":"module","exports":"./src/sleep.ts"}',
    'packages/a/src/sleep.ts': called,
  })
  symlinkSync(project.path('packages/a'), project.path('node_modules/a'))
  expect(await calling(project, 'packages/a/src/sleep', 'apps/x')).toContain(
    `Did you mean "../../packages/a/src/sleep"? Modules are named by their paths from ${project.path('apps/x')}.`,
  )
  expect(await calling(project, '../../packages/a/src/sleep', 'apps/x')).toBe('["sleep","../../packages/a/src/sleep"]\n')
})
