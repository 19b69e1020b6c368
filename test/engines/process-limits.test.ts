import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Host, makeBase, type HostReport } from '../fixtures/process/host.ts'
import { processesWith, until } from '../fixtures/process/lab.ts'

const CGROUPS = '/sys/fs/cgroup'
/** Two seconds for the workers to leave, and the guard's own time on a busy machine. */
const LEAVE_MS = 5_000
const IDLE = Array.from({ length: 12 }, () => 'idle')

describe.skipIf(process.platform !== 'linux')('the process engine at a limit', () => {
  let at: Awaited<ReturnType<typeof makeBase>>
  beforeAll(async () => void (at = await makeBase()))
  afterAll(() => at.remove())

  it('of open files: a start fails with its cause and leaves nothing, and another one works later', async () => {
    await using supervisor = new Host({ workers: IDLE, again: true }, { ...at, prefix: 'ulimit -n 45;' })
    await expectRefusals(supervisor, {
      cause: 'EMFILE',
      message: "Worker idle could not be started: this process's limit of open files is reached (EMFILE).",
      hint: 'Raise the limit (ulimit -n), or run fewer tasks at once (--concurrency).',
    })
  })

  it('of processes: a start fails with its cause and leaves nothing, and another one works later', async ({ skip }) => {
    await using group = limitedGroup('pids', { 'pids.max': 100 })
    if (!group) return skip('needs the right to make control groups')
    await using supervisor = new Host({ workers: ['idle'], more: 2 }, { ...at, prefix: group.prefix })
    await supervisor.line(0)
    const before = supervisor.processes()
    group.limit('pids.max', 1)
    supervisor.process.stdin!.write('1')
    expect(await supervisor.line(1)).toEqual({
      name: 'EngineError',
      cause: 'EAGAIN',
      message: 'Worker idle could not be started: the limit of processes is reached (EAGAIN).',
      hint: 'Raise the limit (ulimit -u, or the pids limit of the container), or run fewer tasks at once (--concurrency).',
    })
    expect(supervisor.processes()).toEqual(before)
    group.limit('pids.max', 100)
    supervisor.process.stdin!.write('2')
    expect(await supervisor.line(2)).toBeNull()
    supervisor.process.kill('SIGKILL')
    expect(await supervisor.isGone(LEAVE_MS)).toBe(true)
  })

  it('of processes: a supervisor that is killed there leaves nothing either', async ({ skip }) => {
    await using group = limitedGroup('pids', { 'pids.max': 100 })
    if (!group) return skip('needs the right to make control groups')
    await using supervisor = new Host({ workers: ['busy', 'escaped', 'nameless'] }, { ...at, prefix: group.prefix })
    const { children } = await supervisor.line<HostReport>(0)
    group.limit('pids.max', 8)
    supervisor.process.kill('SIGKILL')
    expect(await supervisor.isGone(LEAVE_MS, children)).toBe(true)
  })

  it('of memory: a worker that the kernel ends is out of memory, with the limit; one killed by hand is not', async ({ skip }) => {
    const bytes = 256 * 2 ** 20
    await using group = limitedGroup('memory', { 'memory.limit_in_bytes': bytes, 'memory.max': bytes })
    if (!group) return skip('needs the right to make control groups')
    const exitOf = async (worker: string): Promise<unknown> => {
      await using supervisor = new Host({ workers: [worker], exits: true }, { ...at, prefix: group.prefix })
      return await supervisor.line(1)
    }
    expect(await exitOf('suicide')).toEqual([{ how: 'killed', signal: 'SIGKILL' }])
    expect(await exitOf('memory')).toEqual([
      {
        how: 'out-of-memory',
        signal: 'SIGKILL',
        detail: 'ended by the kernel for lack of memory; the control group of the supervisor has limit 256 MiB',
      },
    ])
  })
})

async function expectRefusals(supervisor: Host, error: Readonly<Record<string, string>>): Promise<void> {
  const { started, errors } = await supervisor.line<HostReport>(0)
  expect(started + errors.length).toBe(IDLE.length)
  expect(errors.length).toBeGreaterThan(0)
  for (const found of errors) expect(found).toEqual({ name: 'EngineError', ...error })
  expect(await supervisor.line(1)).toEqual({ again: true })
  expect(processesWith(supervisor.owner).filter((pid) => pid !== supervisor.process.pid)).toEqual([])
}

interface Group extends AsyncDisposable {
  /** Shell text that enters it. */
  readonly prefix: string
  limit(name: string, value: number): void
}

/** A control group with limits; nothing where we may not make one. */
function limitedGroup(controller: string, limits: Readonly<Record<string, number>>): Group | undefined {
  const parent = existsSync(join(CGROUPS, controller)) ? join(CGROUPS, controller) : CGROUPS
  const folder = join(parent, `cowait-test-${process.pid}-${controller}`)
  try {
    mkdirSync(folder)
  } catch {
    return undefined
  }
  const limit = (name: string, value: number): void => writeFileSync(join(folder, name), String(value))
  const files = Object.entries(limits).filter(([name]) => existsSync(join(folder, name)))
  for (const [name, value] of files) limit(name, value)
  if (files.length === 0) {
    rmdirSync(folder)
    return undefined
  }
  return {
    prefix: `echo $$ > ${folder}/cgroup.procs;`,
    limit,
    [Symbol.asyncDispose]: async () => void (await until(() => isRemoved(folder), 5_000)),
  }
}

function isRemoved(folder: string): boolean {
  try {
    rmdirSync(folder)
    return true
  } catch {
    return false
  }
}
