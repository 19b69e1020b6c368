import { existsSync, readFileSync } from 'node:fs'
import { rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { describe as group, expect, test, vi } from 'vitest'
import { describe, type TaskDescription } from '../../src/project/describe.ts'
import { resolveTask } from '../../src/project/resolve-task.ts'
import { processesOf } from './processes-of.ts'
import { TestProject } from './rig.ts'

async function tasksProject(): Promise<TestProject> {
  const project = await TestProject.copy('tasks')
  await symlink(join(import.meta.dirname, '../../node_modules'), project.path('node_modules'))
  return project
}

group('the name of a task', () => {
  test.each([
    ['sleep', '.', 'sleep', undefined],
    ['sleep.ts', '.', 'sleep', undefined],
    ['./sleep', '.', 'sleep', undefined],
    ['../sleep', 'jobs', 'sleep', undefined],
    ['sleep', 'jobs', 'sleep', undefined],
    ['math', 'jobs', 'jobs/math', undefined],
    ['math', '.', 'jobs/math', undefined],
    ['jobs/math:square', '.', 'jobs/math', 'square'],
    ['jobs.math:square', '.', 'jobs/math', 'square'],
    ['folder', '.', 'folder/index', undefined],
  ])('%s from %s means the module %s', async (name, cwd, module, exported) => {
    await using project = await tasksProject()
    await project.write({ 'folder/index.ts': '' })
    const found = await resolveTask(await project.find(), name, project.path(cwd))
    expect(found).toEqual({ file: expect.stringContaining(project.root) as string, module, ...(exported && { export: exported }) })
  })

  test('may be an installed package', async () => {
    await using project = await TestProject.create({
      'package.json': '{}',
      'node_modules/@acme/tasks/package.json': '{"name":"@acme/tasks","exports":{"./sub":"./sub.js"}}',
      'node_modules/@acme/tasks/sub.js': '',
    })
    expect(await resolveTask(await project.find(), '@acme/tasks/sub:one', project.root)).toEqual({ file: '@acme/tasks/sub', module: 'pkg:@acme/tasks/sub', export: 'one' })
  })

  test('that two files have asks for the ending, and each has a module name of its own', async () => {
    await using project = await TestProject.create({ 'package.json': '{}', 'a.ts': '', 'a.js': '', 'a.mts': '' })
    const found = await project.find()
    await expect(resolveTask(found, 'a', project.root)).rejects.toThrow('a could be a.ts or a.mts or a.js. Say which, with its ending.')
    expect((await resolveTask(found, 'a.ts', project.root)).module).toBe('a')
    expect((await resolveTask(found, 'a.js', project.root)).module).toBe('a.js')
    expect([...(await project.compile()).modules.keys()].sort()).toEqual(['a', 'a.js', 'a.mts'])
  })

  test.each([
    ['sleeep', '.', 'Did you mean sleep.ts?'],
    ['jobs/maths.ts', '.', 'Did you mean jobs/math.ts?'],
    ['mth', 'jobs', 'Did you mean math.ts?'],
    ['zzzzzzzzz', '.', 'There are calls.ts, limit.ts, made.cjs, nothing.ts, sleep.ts, jobs/math.ts.'],
  ])('%s, unknown in %s: %s', async (name, cwd, hint) => {
    await using project = await tasksProject()
    await expect(resolveTask(await project.find(), name, project.path(cwd))).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining(hint) as string,
    })
  })

  test('names no code that is ignored', async () => {
    await using project = await TestProject.create({
      'package.json': '{}',
      '.gitignore': 'dist/\nmade-*.ts\n',
      'mine.ts': '',
      'made-up.ts': '',
      'dist/mined.js': '',
      'jobs/.gitignore': 'old.ts\n',
      'jobs/old.ts': '',
      'jobs/new.ts': '',
    })
    await expect(resolveTask(await project.find(), 'zzzzzzzzz', project.root)).rejects.toThrow(/There are mine\.ts, jobs\/new\.ts\.$/)
  })

  test('among many files lists a few, and none where one is meant', async () => {
    const files = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`task-${n}.ts`, '']))
    await using project = await TestProject.create({ 'package.json': '{}', ...files })
    const found = await project.find()
    await expect(resolveTask(found, 'zzzzzzzzz', project.root)).rejects.toThrow(/ There are task-0\.ts, .* and 2 more; "cowait list" shows the tasks in them\.$/)
    await expect(resolveTask(found, 'tassk-3', project.root)).rejects.toThrow(/\. Did you mean task-3\.ts\?$/)
  })

  test.each([
    ['', /is not the name of a task/],
    ['sleep:', /is not the name of a task/],
    ['limit.txt', /There is no task "limit.txt"/],
    ['package.json', /is not code that runs here/],
  ])('%s is refused', async (name, message) => {
    await using project = await tasksProject()
    await expect(resolveTask(await project.find(), name, project.root)).rejects.toThrow(message)
  })
})

group('describing a module', () => {
  test('tells its exported tasks with options and schemas', async () => {
    await using project = await tasksProject()
    const tasks = await describe(await project.compile(), 'jobs/math')
    expect(tasks.map((task) => task.export)).toEqual(['square', 'toCube'])
    expect(tasks[0]).toEqual({ export: 'square', ordinal: 0, name: 'square', options: {} })
    const cube = tasks[1] as TaskDescription
    expect(cube).toMatchObject({ ordinal: 2, name: 'cube', description: 'The third power.' })
    expect(cube.options).toMatchObject({ timeoutMs: 5000, memoryLimit: 64 * 1024 * 1024, retry: { attempts: 3 } })
    expect(cube.options.retry).not.toHaveProperty('ask')
    expect(cube.input).toMatchObject({
      properties: { n: { type: 'integer', description: 'what to cube' }, at: { type: 'string', format: 'date-time', 'x-cowait': 'date' } },
      required: ['n'],
    })
    expect(cube.output).toMatchObject({ type: 'number' })
  })

  test('is asked once for a version', async () => {
    await using project = await TestProject.create({ 'package.json': '{"type":"module"}', 'a.ts': "import { appendFileSync } from 'node:fs'\nappendFileSync('log.txt', 'x')\nexport const a = 1", '.gitignore': 'log.txt' })
    for (let n = 0; n < 3; n++) expect(await describe(await project.compile(), 'a')).toEqual([])
    expect(readFileSync(project.path('log.txt'), 'utf8')).toBe('x')
  })

  test('finds what CommonJS made up while it ran', async () => {
    await using project = await tasksProject()
    const tasks = await describe(await project.compile(), 'made')
    expect(tasks.map((task) => task.export)).toEqual(['made'])
  })

  test('a module that calls a task while it loads is told so', async () => {
    await using project = await tasksProject()
    await expect(describe(await project.compile(), 'calls')).rejects.toMatchObject({
      code: 'TASK_NOT_LOADED',
      message: expect.stringMatching(/^calls\.ts could not be loaded: Error: .*isMain\(import\.meta\)/) as string,
    })
  })

  test('a module that throws gives its message and its own stack, in its own lines', async () => {
    await using project = await TestProject.copy('mistakes')
    const error = await describe(await project.compile(), 'throws').catch((each: unknown) => each as Error)
    expect(error).toMatchObject({ code: 'TASK_NOT_LOADED', message: 'throws.ts could not be loaded: TypeError: at load' })
    expect((error as Error & { cause: Error }).cause.stack).toContain(project.path('throws.ts:7:9'))
  })

  test.each([
    ['syntax', /^syntax\.ts:2:20: Unexpected "="\n {2}2 \| export const bad = = 2\n +\| +\^$/],
    ['uses-syntax', /^uses-syntax\.ts could not be loaded: SyntaxError: syntax\.ts:2:20: Unexpected "="/],
    ['missing', /^missing\.ts could not be loaded: Error: Cannot find module '.*\/mistakes\/nowhere\.ts' imported from .*\/mistakes\/missing\.ts$/],
    ['exits', /^exits\.ts could not be loaded: Error: exits ended the process while it loaded \(exit code 3\)\. It printed:\nlast words$/],
  ])('of %s says what is wrong', async (module, message) => {
    await using project = await TestProject.copy('mistakes')
    await expect(describe(await project.compile(), module)).rejects.toMatchObject({ code: 'TASK_NOT_LOADED', message: expect.stringMatching(message) as string })
  })

  test('a package is looked into as workers load it', async () => {
    const dependency = (file: string): string => `const { task } = require('cowait')\nexports.${file} = task({ timeout: '2s', run: async () => 1 })\n`
    await using project = await TestProject.create({
      'package.json': '{}',
      'node_modules/@acme/tasks/package.json': '{"name":"@acme/tasks","exports":{"import":"./new.mjs","require":"./old.cjs"}}',
      'node_modules/@acme/tasks/new.mjs': 'throw new Error("nobody loads this")',
      'node_modules/@acme/tasks/old.cjs': dependency('old'),
    })
    await symlink(join(import.meta.dirname, '../..'), project.path('node_modules/cowait'))
    const tree = await project.compile()
    expect(await describe(tree, 'pkg:@acme/tasks')).toMatchObject([{ export: 'old', options: { timeoutMs: 2_000 } }])
    await expect(describe(tree, 'pkg:@acme/none')).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(/^Package @acme\/none cannot be loaded from .*: Cannot find module '@acme\/none'$/) as string,
    })
  })

  test('an unknown or ignored module is a mistake of who asks', async () => {
    await using project = await TestProject.copy('mistakes')
    await project.write({ '.gitignore': 'fine.ts' })
    await expect(describe(await project.compile(), 'fine')).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('.gitignore') as string })
  })

  test('a module may load for 20 s, or as long as is told', async () => {
    await using project = await TestProject.create({
      'package.json': '{"type":"module"}',
      'slow.ts': `
        import { existsSync, writeFileSync } from 'node:fs'
        writeFileSync('begun', '')
        while (!existsSync('go')) await new Promise((resolve) => setTimeout(resolve, 20))
        export const slow = 1
      `,
    })
    const tree = await project.compile()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const after = async (ms: number, timeoutMs?: number): Promise<{ readonly tasks: Promise<unknown> }> => {
        await rm(project.path('begun'), { force: true })
        const tasks = describe(tree, 'slow', timeoutMs === undefined ? {} : { timeoutMs })
        tasks.catch(() => undefined)
        while (!existsSync(project.path('begun'))) await new Promise((resolve) => setImmediate(resolve))
        await vi.advanceTimersByTimeAsync(ms)
        return { tasks }
      }
      await expect((await after(20_000)).tasks).rejects.toMatchObject({
        code: 'TASK_NOT_LOADED',
        message: 'slow.ts could not be loaded: Error: slow did not load within 20 s.',
      })
      await expect((await after(60_000, 60_000)).tasks).rejects.toMatchObject({ code: 'TASK_TIMEOUT', message: 'slow did not load within 60 s.' })
      const { tasks } = await after(3_600_000, Infinity)
      await project.write({ go: '' })
      expect(await tasks).toEqual([])
    } finally {
      vi.useRealTimers()
    }
  })

  test('a module that never ends loading is ended, with what it started', async () => {
    await using project = await TestProject.copy('mistakes')
    const tree = await project.compile()
    await expect(describe(tree, 'loops', { timeoutMs: 4000 })).rejects.toMatchObject({
      code: 'TASK_TIMEOUT',
      message: expect.stringMatching(/did not load within 4 s.*looping$/s) as string,
    })
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 300)
    await expect(describe(tree, 'loops', { signal: abort.signal })).rejects.toThrow('aborted')
    expect(processesOf(project.root)).toEqual([])
  })
})
