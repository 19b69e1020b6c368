import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createProcessEngine } from '../../src/engines/process/process-engine.ts'
import { Host, makeBase, type HostReport, type Plan } from '../fixtures/process/host.ts'
import { isRunning, processesWith, until, workerFile } from '../fixtures/process/lab.ts'

/** Two seconds for the workers to leave, and the guard's own time on a busy machine. */
const LEAVE_MS = 5_000
const ALL = ['idle', 'busy', 'stubborn', 'stubborn-child', 'child', 'escaped', 'nameless']

describe.skipIf(process.platform !== 'linux')('when the supervisor is gone', () => {
  let at: Awaited<ReturnType<typeof makeBase>>
  beforeAll(async () => void (at = await makeBase()))
  afterEach(() => expect(readdirSync(at.base)).toEqual([]))
  afterAll(() => at.remove())

  const host = (plan: Plan, prefix = ''): Host => new Host(plan, { ...at, prefix })

  it('workers of every kind end, with what they started, and its folder goes', async () => {
    await using supervisor = host({ workers: ALL })
    const { started, children } = await supervisor.line<HostReport>(0)
    expect({ started, children: children.length }).toEqual({ started: ALL.length, children: 4 })
    supervisor.process.kill('SIGKILL')
    expect(await supervisor.isGone(LEAVE_MS, children)).toBe(true)
  })

  it('a worker ends whose environment cannot be read', async () => {
    const node = makeProgram(at.base, 'bare-node', `exec env -i ${process.execPath} --title=$COWAIT_WORKER "$@"`)
    await using supervisor = host({ workers: ['busy', 'idle'], node })
    await supervisor.line(0)
    removeAll(at.base, ['bare-node'])
    expect(supervisor.processes().length).toBeGreaterThanOrEqual(4)
    supervisor.process.kill('SIGKILL')
    expect(await supervisor.isGone(LEAVE_MS)).toBe(true)
  })

  it('everything ends on a system whose grep knows no -z', async ({ skip }) => {
    if (spawnSync('unshare', ['-m', 'true']).status !== 0) return skip('needs the right to mount')
    const grep = spawnSync('which', ['grep'], { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } }).stdout.trim()
    const real = join(at.base, 'real-grep')
    copyFileSync(grep, real)
    const plain = makeProgram(at.base, 'plain-grep', `case $1 in *z*) echo "unrecognized option: z" >&2; exit 1;; esac; exec ${real} "$@"`)
    const prefix = `exec unshare -m sh -c 'mount --bind ${plain} ${grep} && "$@"' sh`
    await using supervisor = host({ workers: ALL }, prefix)
    const { children } = await supervisor.line<HostReport>(0)
    supervisor.process.kill('SIGKILL')
    expect(await supervisor.isGone(LEAVE_MS, children)).toBe(true)
    removeAll(at.base, ['real-grep', 'plain-grep'])
  })

  it('workers that listen are gone long before their two seconds', async () => {
    await using supervisor = host({ workers: ['idle', 'idle'], die: 'when-ready' })
    await supervisor.ended
    expect(await supervisor.isGone(1_800)).toBe(true)
  })

  it.each(['at-once', 'while-removing', 'exit'] as const)('nothing is left of a supervisor that ends %s', async (die) => {
    await using supervisor = host({ workers: ALL, die })
    await supervisor.ended
    expect(await supervisor.isGone(LEAVE_MS, (supervisor.lines[0] as HostReport | undefined)?.children)).toBe(true)
  })

  it('nothing is left of a supervisor that is killed at any point of a start', async () => {
    const hosts: Host[] = []
    try {
      for (let turns = 0; turns < 40; turns += 4) {
        const supervisor = host({ workers: ['busy', 'escaped'], die: 'after-turns', turns })
        hosts.push(supervisor)
        await supervisor.ended
      }
      for (const supervisor of hosts) expect(await supervisor.isGone(LEAVE_MS)).toBe(true)
    } finally {
      for (const supervisor of hosts) await supervisor[Symbol.asyncDispose]()
    }
  })

  it('nothing is left of a supervisor that is killed from outside at any time of its start', async () => {
    const hosts: Host[] = []
    try {
      for (let ms = 30; ms < 140; ms += 10) {
        const supervisor = host({ workers: ['busy', 'escaped'] })
        hosts.push(supervisor)
        setTimeout(() => supervisor.process.kill('SIGKILL'), ms)
        await supervisor.ended
      }
      const begun = hosts.filter(({ directory }) => isClaimed(directory))
      for (const supervisor of begun) {
        // A folder without a worker has no guard yet: it waits for the next sweep.
        await until(() => supervisor.processes().length === 0, LEAVE_MS)
        expect(supervisor.processes()).toEqual([])
      }
      const engine = createProcessEngine({ owner: 'sweeper', directory: makeFolder(at.base, 'sweeper'), workerFile })
      await engine.sweep()
      await engine.close()
      for (const supervisor of begun) expect(existsSync(supervisor.directory)).toBe(false)
    } finally {
      for (const supervisor of hosts) await supervisor[Symbol.asyncDispose]()
      removeAll(at.base)
    }
  })

  it('workers of a thread that was ended go, while its process lives', async () => {
    await using supervisor = host({ workers: ALL, thread: 'terminate' })
    const { children } = await supervisor.line<HostReport>(0)
    supervisor.process.stdin!.write('now')
    await supervisor.line(1)
    expect(await until(() => supervisor.processes().length === 1 && !children.some(isRunning), LEAVE_MS + 3_000)).toBe(true)
    // Another thread of the same process may still use the folder.
    expect(await until(() => !existsSync(supervisor.directory), 0)).toBe(false)
    removeAll(at.base)
  })

  it('a new guard stands in for one that was killed', async () => {
    await using supervisor = host({ workers: ['busy', 'nameless'] })
    const { children } = await supervisor.line<HostReport>(0)
    const first = guardOf(supervisor)
    process.kill(first!, 'SIGKILL')
    expect(await until(() => ![undefined, first].includes(guardOf(supervisor)), 2_000)).toBe(true)
    supervisor.process.kill('SIGKILL')
    expect(await supervisor.isGone(LEAVE_MS, children)).toBe(true)
  })

  it('a guard takes no notice of what a closing terminal sends', async () => {
    await using supervisor = host({ workers: ['busy'] })
    await supervisor.line(0)
    const guard = guardOf(supervisor)!
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGQUIT'] as const) process.kill(guard, signal)
    supervisor.process.kill('SIGKILL')
    expect(await supervisor.isGone(LEAVE_MS)).toBe(true)
  })

  it('a sweep finds what is left when the guard was killed too, and leaves the living alone', async () => {
    await using dead = host({ workers: ['busy', 'escaped', 'stubborn'] })
    await using living = host({ workers: ['busy', 'escaped'] })
    const [{ children }] = await Promise.all([dead.line<HostReport>(0), living.line(0)])
    process.kill(guardOf(dead)!, 'SIGSTOP')
    dead.process.kill('SIGKILL')
    process.kill(guardOf(dead)!, 'SIGKILL')
    await dead.ended
    const unclaimed = makeFolder(at.base, 'unclaimed')
    const before = living.processes()

    const engine = createProcessEngine({ owner: 'sweeper', directory: makeFolder(at.base, 'sweeper'), workerFile })
    expect(await engine.list({ owner: dead.owner })).not.toEqual([])
    expect(await engine.sweep()).toBeGreaterThanOrEqual(2)
    expect(dead.processes()).toEqual([])
    expect(children.filter(isRunning)).toEqual([])
    expect(existsSync(dead.directory)).toBe(false)
    expect(living.processes()).toEqual(before)
    expect(existsSync(living.directory)).toBe(true)
    expect(existsSync(unclaimed)).toBe(true)
    expect(await engine.sweep()).toBe(0)
    await engine.close()
    removeAll(at.base, ['sweeper', 'unclaimed'])
    living.process.kill('SIGKILL')
    expect(await living.isGone(LEAVE_MS)).toBe(true)
  })

  it('a sweep removes the folders of an earlier boot and of a process id that was given out again', async () => {
    const [rebooted, reused] = [makeFolder(at.base, 'rebooted'), makeFolder(at.base, 'reused')]
    const own = makeFolder(at.base, 'sweeper')
    const engine = createProcessEngine({ owner: 'sweeper', directory: own, workerFile })
    const [home = '', boot = '', host = ''] = readFileSync(join(own, 'owner'), 'utf8').trim().split(' ')
    writeFileSync(join(rebooted, 'owner'), `${home} 00000000-0000-0000-0000-000000000000 ${host}\n`)
    writeFileSync(join(reused, 'owner'), `${home.replace(/-\d+-/, '-1-')} ${boot} ${host}\n`)
    const twin = makeFolder(at.base, 'twin')
    writeFileSync(join(twin, 'owner'), `${home} ${boot} ${host}\n`)
    const elsewhere = makeFolder(at.base, 'elsewhere')
    writeFileSync(join(elsewhere, 'owner'), `${home.replace(/\d+$/, '1')} ${boot} ${host}\n`)
    expect(await engine.sweep()).toBe(0)
    expect(readdirSync(at.base).sort()).toEqual(['elsewhere', 'sweeper', 'twin'])
    await engine.close()
    removeAll(at.base)
  })

  it('a folder that was never claimed goes when that is a minute ago, if nothing is in it', async () => {
    const minuteAgo = new Date(Date.now() - 61_000)
    for (const name of ['empty', 'unwritten', 'used', 'young']) {
      const folder = makeFolder(at.base, name)
      if (name !== 'empty') writeFileSync(join(folder, name === 'used' ? 'other' : 'owner'), '')
      if (name !== 'young') utimesSync(folder, minuteAgo, minuteAgo)
    }
    const engine = createProcessEngine({ owner: 'sweeper', directory: makeFolder(at.base, 'sweeper'), workerFile })
    await engine.sweep()
    await engine.close()
    expect(readdirSync(at.base).sort()).toEqual(['sweeper', 'used', 'young'])
    removeAll(at.base)
  })
})

/** One that was killed while it wrote has an empty file. */
function isClaimed(directory: string): boolean {
  const file = join(directory, 'owner')
  return existsSync(file) && readFileSync(file, 'utf8').endsWith('\n')
}

function guardOf({ directory, process: { pid } }: Host): number | undefined {
  return processesWith(directory).find((found) => found !== pid && isGuard(found))
}

function isGuard(pid: number): boolean {
  return processesWith('guard\0').includes(pid)
}

function makeFolder(base: string, name: string): string {
  const folder = join(base, name)
  mkdirSync(folder, { mode: 0o700 })
  return folder
}

function makeProgram(base: string, name: string, script: string): string {
  const file = join(base, name)
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  return file
}

function removeAll(base: string, names: readonly string[] = readdirSync(base)): void {
  for (const name of names) rmSync(join(base, name), { recursive: true, force: true })
}
