/** What scripts do at the edges: how they are started, where, and with answers that types would refuse. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

class Project implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'cowait-script-'))

  constructor(files: Readonly<Record<string, string>>) {
    mkdirSync(join(this.folder, 'node_modules'))
    symlinkSync(join(import.meta.dirname, '../..'), join(this.folder, 'node_modules/cowait'))
    for (const [name, text] of Object.entries({ 'package.json': '{ "type": "module", "main": "script.js" }', ...files }))
      writeFileSync(join(this.folder, name), text)
  }

  node(script: string, env: NodeJS.ProcessEnv = {}): Promise<{ code: unknown; stdout: string; stderr: string }> {
    const options = { cwd: this.folder, env: { ...process.env, COWAIT_ENGINE: 'process', ...env }, timeout: 60_000, maxBuffer: 2 ** 26 }
    return new Promise((resolve) =>
      execFile(process.execPath, [script], options, (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr })),
    )
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const double = `
import { task } from 'cowait'
export const double = task(async ({ n }) => n * 2)
export const fails = task(async () => {
  throw new RangeError('as ever', { cause: {} })
})
`

test('a "when" that answers with something else than true or false is taken by its truth, and hurts nobody', async () => {
  using project = new Project({
    'tasks.js': double,
    'script.js': `
      import { delay } from 'cowait'
      import { double, fails } from './tasks.js'
      const other = double({ n: 4 })
      const said = []
      for (const when of [(e) => e.cause?.transient, async () => undefined, async () => { throw new Error('cannot tell') }, () => null])
        said.push(await fails({}, { retry: { attempts: 3, delay: 1, when } }).catch((error) => error.cause?.message))
      let asked = 0
      await fails({}, { retry: { attempts: 3, delay: 1, when: () => 'yes' && ++asked } }).catch(() => undefined)
      console.log(JSON.stringify([said, asked, await other, await double({ n: 1 })]))
    `,
  })
  const { stdout, stderr } = await project.node('script.js')
  expect(JSON.parse(stdout || stderr)).toEqual([['as ever', 'as ever', 'as ever', 'as ever'], 2, 8, 2])
}, 120_000)

test('isMain knows the script that was started by a folder, or without its ending', async () => {
  using project = new Project({
    'script.js': `import { isMain } from 'cowait'\nimport './other.js'\nconsole.log('script', isMain(import.meta))`,
    'other.js': `import { isMain } from 'cowait'\nconsole.log('other', isMain(import.meta))`,
  })
  for (const started of ['script.js', 'script', '.', project.folder])
    expect(await project.node(started)).toMatchObject({ code: 0, stdout: 'other false\nscript true\n' })
})

test('a temporary folder whose path is too long for a socket is told of, and nothing is left in it', async () => {
  using project = new Project({
    'tasks.js': double,
    'script.js': `import { double } from './tasks.js'\nconsole.log(await double({ n: 1 }).catch((error) => error.message))`,
  })
  const TMPDIR = join(project.folder, 'x'.repeat(100 - project.folder.length))
  mkdirSync(TMPDIR)
  const { stdout } = await project.node('script.js', { TMPDIR, XDG_RUNTIME_DIR: '' })
  expect(stdout).toMatch(/^.* could not start: The private folder \S+ cannot be used: its path is \d+ bytes too long .* Set TMPDIR/)
  expect(readdirSync(TMPDIR)).toEqual([])
})

test('a line, a reason and an error of any length hurt neither the script, nor its other runs, nor those of a task', async () => {
  using project = new Project({
    'tasks.js': `
      import { execFileSync } from 'node:child_process'
      import { delay, group, task } from 'cowait'
      export const double = task(async ({ n }) => n * 2)
      export const waits = task(async () => delay('1h'))
      export const dies = task(async () => {
        execFileSync(process.execPath, ['-e', 'process.stdout.write("x".repeat(6e6))'], { stdio: 'inherit' })
        process.kill(process.pid, 'SIGKILL')
        await delay('1h')
      })
      const long = () => new Error('z'.repeat(5e6))
      export async function survives() {
        const code = (run) => run.then(() => 'done', (error) => [error.code, error.exit?.signal, error.lastLines?.length].join(' '))
        const cancelled = waits()
        await cancelled.ready
        await cancelled.cancel(long())
        const thrown = []
        await group(async () => {
          thrown.push(waits())
          throw long()
        }).catch(() => undefined)
        return [await code(dies()), await code(cancelled), await code(thrown[0]), await double({ n: 2 })]
      }
      export const parent = task(survives)
    `,
    'script.js': `
      import { parent, survives } from './tasks.js'
      console.log(JSON.stringify([await survives(), await parent()]))
    `,
  })
  const { stdout, stderr } = await project.node('script.js')
  const survived = ['TASK_LOST SIGKILL 20', 'TASK_CANCELLED  ', 'TASK_CANCELLED  ', 4]
  expect(JSON.parse(stdout || JSON.stringify(stderr.slice(0, 2_000)))).toEqual([survived, survived])
}, 120_000)
