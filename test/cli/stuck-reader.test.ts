import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, existsSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cleanEnvironment, descendants, gone, program, TestProject } from './cowait.ts'

let project: TestProject
beforeAll(() => (project = new TestProject()))
afterAll(() => project[Symbol.dispose]())

const CHATTY = `import { delay, task } from 'cowait'
import { writeFileSync } from 'node:fs'
export const chatty = task(async () => {
  for (let i = 0; i < 2_000; i++) console.log('x'.repeat(200))
  writeFileSync('printed', '')
  await delay('1h')
})
`

/** Code that is new is compiled, and the compiler's process has our stderr. */
test('a pipe that nobody reads, under both streams, holds nobody who asks to stop, also when code was just compiled', async () => {
  project.write('chatty.ts', CHATTY)
  const pipe = join(project.root, 'pipe')
  execFileSync('mkfifo', [pipe])
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(pipe, 'w')
  try {
    const child = spawn(process.execPath, [program, 'run', 'chatty', '--engine', 'process'], {
      cwd: project.root,
      env: cleanEnvironment(),
      stdio: ['ignore', writer, writer],
    })
    const exited = once(child, 'exit')
    while (!existsSync(join(project.root, 'printed'))) await pause(20)
    while (!isFull(pipe)) await pause(20)
    const pids = descendants(child.pid ?? 0)
    child.kill('SIGINT')
    expect(await exited).toEqual([130, null])
    await gone(pids, 2_000)
  } finally {
    closeSync(writer)
    closeSync(reader)
  }
})

/** So much is written as a whole or not at all. */
const pipeBuffer = Buffer.alloc(4096)

function isFull(pipe: string): boolean {
  const writer = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK)
  try {
    writeSync(writer, pipeBuffer)
    return false
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return true
    throw error
  } finally {
    closeSync(writer)
  }
}
