import { expect, test } from 'vitest'
import { describe } from '../../src/project/describe.ts'
import { processesOf } from './processes-of.ts'
import { TestProject } from './rig.ts'

test.runIf(process.platform === 'linux')('what a module starts and lets go is not waited for, and does not stay', async () => {
  await using project = await TestProject.create({
    'package.json': '{"type":"module"}',
    'daemon.ts': `
      import { spawn } from 'node:child_process'
      spawn('sleep', ['60'], { detached: true, stdio: 'inherit' }).unref()
      export const one = 1
    `,
  })
  expect(await describe(await project.compile(), 'daemon')).toEqual([])
  await expect.poll(() => processesOf(project.root)).toEqual([])
})

test('a module for which no process can be started is told so', async () => {
  await using project = await TestProject.create({ 'package.json': '{"type":"module"}', 'one.ts': 'export const one = 1\n' })
  const tree = await project.compile()
  await expect(describe({ ...tree, project: 'gone' }, 'one')).rejects.toMatchObject({
    code: 'TASK_NOT_LOADED',
    message: expect.stringMatching(/^one\.ts could not be loaded: .*no process could be started for it in .* \(spawn .*ENOENT\)$/) as string,
  })
})

test('a module that waits at its top level for what never comes is told so, with what it printed', async () => {
  await using project = await TestProject.create({
    'package.json': '{"type":"module"}',
    'waits.ts': 'console.log("before")\nawait new Promise(() => {})\n',
    'imports.ts': `import './waits.ts'\n`,
    'answers.ts': 'await new Promise((resolve) => setTimeout(resolve, 10))\n',
  })
  const tree = await project.compile()
  const reason = 'an await at its top level, or at that of a module that it imports, never ends'
  for (const module of ['waits', 'imports']) {
    const start = `${module}.ts could not be loaded: Error: ${module} ended the process while it loaded (exit code 13: ${reason}). It printed:\nbefore`
    const error = await describe(tree, module).catch((thrown: unknown) => thrown as Error & { code: string })
    expect(error).toMatchObject({ code: 'TASK_NOT_LOADED', message: expect.stringContaining(start) as string })
    // Later versions of Node add the module's line.
    expect(error).not.toMatchObject({ message: expect.stringContaining('describe.js') as string })
  }
  expect(await describe(tree, 'answers')).toEqual([])
})
