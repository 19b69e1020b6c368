import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const tasks = `
import { renameSync, writeFileSync } from 'node:fs'
import { contract, delay, task } from 'cowait'
export const talks = task({
  parent: contract(),
  state: () => ({ sum: 0 }),
  rpc: { add(n) { return (this.sum += n) } },
  async run(_, { state, parent, progress }) {
    console.log('one')
    progress(1, { total: 2 })
    while (state.sum < 3) await delay('5ms')
    console.log('two')
    return await parent.twice(state.sum)
  },
})
export const numbers = task(async function* ({ to }) {
  for (let n = 1; n <= to; n++) yield n
})
export const lasts = task(() => delay('1h'))
export const double = task(async ({ n }) => n * 2)
export const prints = task(async (_, { log }) => {
  for (const text of ['a', 'b', 'c\\n', 'd']) await new Promise((resolve) => process.stdout.write(text, resolve))
  log.warn('low disk', { free: 3 })
})
export const leaves = task(async (_, { log }) => {
  for (const text of ['one', 'two']) log.info(text)
  writeFileSync('pid.part', String(process.pid))
  renameSync('pid.part', 'pid')
})
export const fails = task(async (_, { attempt }) => {
  throw new RangeError('attempt ' + attempt)
})
`

const script = `
import { limit } from 'cowait'
import { double, fails, numbers, talks } from './tasks.mjs'
const heard = {}
const run = talks({}, { handlers: { twice: (n) => n * 2 } })
run.on('progress', ({ total }) => (heard.progress = total))
await run.ready
heard.sum = await run.rpc.add(3)
const read = async (lines) => {
  const texts = []
  for await (const { text } of lines) texts.push(text)
  return texts
}
heard.lines = await read(run.logs())
heard.output = await run
heard.now = await read(run.logs({ follow: false }))
await new Promise((resolve) => setTimeout(resolve, 200))
heard.late = await read(run.logs())
heard.items = await read((async function* () { for await (const n of numbers({ to: 300 })) yield { text: n } })())
heard.asked = []
const when = (error, attempt) => heard.asked.push(error.cause.message) && attempt < 2
heard.failed = await fails({}, { retry: { attempts: 5, delay: 1, when } }).catch((error) => error.message)
heard.limited = await limit('one', { concurrency: 1 }).run(() => 'in')
const job = { id: 'job' }
heard.same = [await double({ n: 1 }, job), await double({ n: 2 }, job)]
const both = await Promise.all([double({ n: 3 }, job), double({ n: 4 }, job).catch((error) => error.code)])
heard.same.push(...both)
console.log(JSON.stringify(heard))
`

test('a script hears and says what a task hears and says, and ends when it has', async () => {
  const project = await mkdtemp(join(tmpdir(), 'cowait-script-'))
  try {
    await mkdir(join(project, 'node_modules'))
    await symlink(join(import.meta.dirname, '../..'), join(project, 'node_modules/cowait'))
    await writeFile(join(project, 'tasks.mjs'), tasks)
    await writeFile(join(project, 'script.mjs'), script)
    const env = { ...process.env, COWAIT_ENGINE: 'process' }
    const { stdout } = await promisify(execFile)(process.execPath, ['script.mjs'], { cwd: project, env, timeout: 90_000 })
    const { items, failed, ...heard } = JSON.parse(stdout) as { items: number[]; failed: string }
    expect(heard).toEqual({
      progress: 2,
      sum: 3,
      lines: ['one', 'two'],
      output: 6,
      now: ['one', 'two'],
      late: ['one', 'two'],
      asked: ['attempt 1', 'attempt 2'],
      limited: 'in',
      same: [2, 4, 6, 'USAGE'],
    })
    expect(items).toEqual(Array.from({ length: 300 }, (_, index) => index + 1))
    expect(failed).toContain('attempt 2')
  } finally {
    await rm(project, { recursive: true, force: true })
  }
}, 120_000)

const mending = `
import { renameSync } from 'node:fs'
import { double } from './tasks.mjs'
const first = await double({ n: 1 }).catch((error) => error.code)
renameSync('cowait.config.json', 'broken.json')
console.log(JSON.stringify([first, await double({ n: 1 })]))
`

test('a script whose supervisor could not start has another try with its next call', async () => {
  const project = await mkdtemp(join(tmpdir(), 'cowait-script-'))
  try {
    await mkdir(join(project, 'node_modules'))
    await symlink(join(import.meta.dirname, '../..'), join(project, 'node_modules/cowait'))
    await writeFile(join(project, 'package.json'), '{}')
    await writeFile(join(project, 'cowait.config.json'), '{')
    await writeFile(join(project, 'tasks.mjs'), tasks)
    await writeFile(join(project, 'script.mjs'), mending)
    const env = { ...process.env, COWAIT_ENGINE: 'process' }
    const { stdout } = await promisify(execFile)(process.execPath, ['script.mjs'], { cwd: project, env, timeout: 90_000 })
    expect(JSON.parse(stdout)).toEqual(['ENGINE', 2])
  } finally {
    await rm(project, { recursive: true, force: true })
  }
}, 120_000)

const recovering = `
import { double, lasts } from './tasks.mjs'
let supervisor
process.on('worker', (thread) => (supervisor = thread))
const run = lasts()
await run.ready
void supervisor.terminate()
try {
  await run
} catch ({ code }) {
  console.log(code, await double({ n: 1 }))
}
`

test('a script whose supervisor was lost has another one with its next call, and ends', async () => {
  await withScript(recovering, async (cwd, env) => {
    const { stdout } = await promisify(execFile)(process.execPath, ['script.mjs'], { cwd, env, timeout: 20_000 })
    expect(stdout).toBe('TASK_LOST 2\n')
  })
}, 30_000)

/** Runs a script beside the tasks of a project of its own. */
async function withScript<T>(text: string, use: (project: string, env: NodeJS.ProcessEnv) => Promise<T>): Promise<T> {
  const project = await mkdtemp(join(tmpdir(), 'cowait-script-'))
  try {
    await mkdir(join(project, 'node_modules'))
    await symlink(join(import.meta.dirname, '../..'), join(project, 'node_modules/cowait'))
    await writeFile(join(project, 'package.json'), '{}')
    await writeFile(join(project, 'tasks.mjs'), tasks)
    await writeFile(join(project, 'script.mjs'), text)
    return await use(project, { ...process.env, COWAIT_ENGINE: 'process' })
  } finally {
    await rm(project, { recursive: true, force: true })
  }
}

const withdrawing = `
import { delay, limit, race, timeout } from 'cowait'
const one = limit('one', { concurrency: 1 })
const place = await one.acquire()
await race([one.acquire(), delay(50)])
const late = await timeout(50, () => one.acquire()).catch((error) => error.code)
place[Symbol.dispose]()
console.log(late, await one.run(() => 'in'))
`

test('a script that withdrew its wait for a place ends', async () => {
  await withScript(withdrawing, async (cwd, env) => {
    const { stdout } = await promisify(execFile)(process.execPath, ['script.mjs'], { cwd, env, timeout: 20_000 })
    expect(stdout).toBe('TASK_TIMEOUT in\n')
  })
}, 30_000)

const computing = `
import { existsSync, readFileSync } from 'node:fs'
import { leaves } from './tasks.mjs'
const lives = () => {
  try {
    return process.kill(Number(readFileSync('pid', 'utf8')), 0)
  } catch {
    return !existsSync('pid')
  }
}
const run = leaves()
await run.ready
while (lives());
for await (const { text } of run.logs()) console.log(text)
console.log(run.status)
`

test('a script that computes while a run ends reads its lines afterwards', async () => {
  await withScript(computing, async (cwd, env) => {
    const { stdout } = await promisify(execFile)(process.execPath, ['script.mjs'], { cwd, env, timeout: 20_000 })
    expect(stdout).toBe('one\ntwo\ndone\n')
  })
}, 30_000)

const unstartable = `
import { double } from './tasks.mjs'
const run = double({ n: 1 })
const code = await run.catch((error) => error.code)
await new Promise((resolve) => setTimeout(resolve, 10))
for await (const { text } of run.logs()) console.log(text)
console.log(code)
`

test('the lines of a call that could not start end', async () => {
  await withScript(unstartable, async (cwd, env) => {
    await writeFile(join(cwd, 'cowait.config.json'), '{')
    const { stdout } = await promisify(execFile)(process.execPath, ['script.mjs'], { cwd, env, timeout: 20_000 })
    expect(stdout).toBe('ENGINE\n')
  })
}, 30_000)

const waiting = `
import { delay, group, timeout } from 'cowait'
import { talks } from './tasks.mjs'
const run = talks()
run.catch(() => undefined)
await run.ready
const wait = WORD
console.log('waits')
await wait
`

test.each(["group(() => delay('1h'))", "timeout('1h', () => delay('1h'))"])(
  'a script that is interrupted inside of %s says nothing of a crash',
  async (word) => {
    await withScript(waiting.replace('WORD', word), async (cwd, env) => {
      const script = spawn(process.execPath, ['script.mjs'], { cwd, env, timeout: 20_000 })
      let said = ''
      script.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
      script.stdout.once('data', () => script.kill('SIGINT'))
      const [code] = (await once(script, 'close')) as [number | null]
      expect({ code, said }).toEqual({ code: 130, said: expect.not.stringContaining('the script got') as string })
    })
  },
  30_000,
)

test('a script shows lines that were printed in pieces as one, and levels and fields', async () => {
  await withScript("import { prints } from './tasks.mjs'\nawait prints({}, { id: 'p' })\n", async (cwd, env) => {
    const { stderr } = await promisify(execFile)(process.execPath, ['script.mjs'], { cwd, env, timeout: 20_000 })
    expect(stderr).toBe('p | abc\np | d\np | warn low disk free=3\n')
  })
}, 30_000)
