import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Engine, ExecOptions, ExecSession } from '../../../src/core/engine.ts'
import { findCluster } from '../../../src/engines/kubernetes/kubeconfig.ts'
import { createKubernetesEngine } from '../../../src/engines/kubernetes/kubernetes-engine.ts'
import { cowait, TestProject, type Ended } from '../../cli/cowait.ts'
import { COLUMNS, hasScript, PseudoTerminal, ROWS, workInShell } from '../../cli/pseudo-terminal.ts'
import { openHost } from '../../conformance/host.ts'
import { ApiProxy } from './api-proxy.ts'
import { hasKubernetes } from './available.ts'
import { runtimeDirectory } from './cluster.ts'
import { until, withoutRight } from './namespace.ts'

const signal = (): AbortSignal => AbortSignal.timeout(60_000)

async function read(stream: AsyncIterable<Uint8Array>): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += Buffer.from(chunk).toString('utf8')
  return text
}

/** Reads lines until one matches; answers that one. */
async function line(session: ExecSession, pattern: RegExp): Promise<string> {
  for await (const text of createInterface({ input: session.channel })) if (pattern.test(text)) return text
  throw new Error(`The session ended before a line matched ${pattern}`)
}

describe.runIf(await hasKubernetes())('a program beside a worker, in its pod', () => {
  let host: Awaited<ReturnType<typeof openHost>>
  let engine: Engine
  let worker: string
  let run: string
  let project: TestProject

  beforeAll(async () => {
    project = new TestProject()
    host = await openHost({ name: 'kubernetes', isolated: true, options: { engine: 'kubernetes' } })
    const root = host.start('ending:stubborn')
    run = root.id
    // As from another terminal.
    engine = await createKubernetesEngine({ owner: `s${randomUUID().slice(0, 8)}`, runtimeDirectory })
    await host.event('log', ({ text }) => text === 'stubborn')
    const [found] = await engine.list({ owner: host.supervisor.id })
    worker = found?.id ?? ''
  }, 120_000)

  afterAll(async () => {
    await engine.close()
    await host[Symbol.asyncDispose]()
    project[Symbol.dispose]()
  }, 120_000)

  const exec = (command: readonly string[], more: Partial<ExecOptions> = {}, of: Engine = engine): Promise<ExecSession> => {
    if (of.exec === undefined) throw new Error('the engine has no exec')
    return of.exec(worker, { command, ...more }, signal())
  }
  const at = (...args: string[]): Promise<Ended> => cowait(args, { cwd: project.root })

  test('reads, prints on two streams and ends with its code', async () => {
    const session = await exec(['sh', '-c', 'cat; pwd; echo $WORD $(id -u); echo bad >&2; exit 7'], { env: { WORD: 'given here' } })
    const big = `${'x'.repeat(3 << 20)}\n`
    session.channel.end(big)
    const [printed, errors, exit] = await Promise.all([read(session.channel), read(session.errors), session.exited])
    expect(printed === `${big}/tmp/.cowait/program/code\ngiven here 1000\n`).toBe(true)
    expect(errors).toBe('bad\n')
    expect(exit).toEqual({ how: 'exited', code: 7 })
    await session.close()
  })

  test('waits for a reader who lags behind, and loses nothing', async () => {
    const session = await exec(['head', '-c', '30000000', '/dev/zero'])
    await pause(500)
    expect(session.channel.readableLength).toBeLessThan(8 << 20)
    expect((await read(session.channel)).length).toBe(30_000_000)
    expect(await session.exited).toEqual({ how: 'exited', code: 0 })
    await session.close()
  })

  test('has a terminal that can be resized', async () => {
    const session = await exec(['sh'], { terminal: { columns: 91, rows: 33 }, env: { TERM: 'dumb', PS1: '' } })
    session.channel.write('until stty size | grep "33 91"; do :; done; test -t 0 && test -t 2 && echo both$((6 * 7))\n')
    expect(await line(session, /^both42\s*$/)).toMatch('both42')
    await session.close()
    const again = await exec(['sh', '-c', 'echo go; until stty size | grep "40 100"; do :; done; read line; exit 3'], {
      terminal: { columns: 80, rows: 24 },
    })
    await again.resize({ columns: 100, rows: 40 })
    again.channel.write('on\n')
    expect(await read(again.channel)).toMatch(/40 100/)
    expect(await again.exited).toEqual({ how: 'exited', code: 3 })
    await again.resize({ columns: 1, rows: 1 })
    expect(await read(again.errors)).toBe('')
    await again.close()
  })

  test('ends, with what it started, when it is closed', async () => {
    const session = await exec(['sh', '-c', 'setsid sleep 4711 & echo ready; sleep 4711'])
    await line(session, /ready/)
    const sleeping = async (): Promise<string> => {
      const looking = await exec(['sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " " | grep -o "sleep [4]711" | wc -l'])
      return (await read(looking.channel)).trim()
    }
    // The shell's own line says it too.
    expect(Number(await sleeping())).toBeGreaterThanOrEqual(2)
    await session.close()
    expect((await session.exited).code).toBe(137)
    await until('nothing of it runs', async () => (await sleeping()) === '0')
  })

  test('what the pod uses is told', async () => {
    const usage = async () => (await engine.usage?.([worker, 'nobody'])) ?? new Map()
    const before = await usage()
    expect([...before.keys()]).toEqual([worker])
    expect(before.get(worker)?.memoryBytes).toBeGreaterThan(30 << 20)
    expect(before.get(worker)?.memoryBytes).toBeLessThan(400 << 20)
    const session = await exec(['sh', '-c', 'n=0; while [ $n -lt 300000 ]; do n=$((n+1)); done'])
    await session.exited
    expect((await usage()).get(worker)?.cpuSeconds - before.get(worker)?.cpuSeconds).toBeGreaterThan(0.05)
    const listed = JSON.parse((await at('ps', '--json')).stdout) as { id: string; memoryBytes: number; cpuSeconds: number }[]
    expect(listed).toMatchObject([{ id: run, memoryBytes: expect.any(Number), cpuSeconds: expect.any(Number) }])
  })

  test('says what it cannot run', async () => {
    const session = await exec(['not-there'])
    expect(await read(session.errors)).toMatch(/not-there/)
    expect((await session.exited).code).toBe(127)
    await expect(engine.exec?.('nobody', { command: ['true'] }, signal())).rejects.toThrow(/No worker nobody is in namespace/)
  })

  test('an API server that does not know v5 has the end of input all the same', async () => {
    await using proxy = await ApiProxy.open()
    proxy.fault = ({ headers }) => (headers['sec-websocket-protocol']?.startsWith('v5') ? { status: 403 } : undefined)
    await using old = { engine: await proxy.openEngine('old'), [Symbol.asyncDispose]: () => old.engine.close() }
    const session = await exec(['sh', '-c', 'cat; echo bad >&2; exit 5'], {}, old.engine)
    const big = `${'ü'.repeat(300_000)}\n`
    session.channel.end(big)
    const [printed, errors, exit] = await Promise.all([read(session.channel), read(session.errors), session.exited])
    expect([printed === big, errors, exit]).toEqual([true, 'bad\n', { how: 'exited', code: 5 }])
    const onTerminal = await exec(['stty', 'size'], { terminal: { columns: 91, rows: 33 } }, old.engine)
    expect(await read(onTerminal.channel)).toMatch(/\d+ \d+/)
    const missing = await exec(['not-there'], {}, old.engine)
    missing.channel.end()
    expect((await missing.exited).code).toBe(127)
    // The way breaks: the program's end is not known.
    const lost = await exec(['sleep', '60'], {}, old.engine)
    proxy.cut('exec')
    expect((await lost.exited).how).toBe('lost')
    await lost.close()
  })

  test('by the command line: a command, and a shell on a terminal that Ctrl-C does not end', async () => {
    expect(await at('shell', run, 'sh', '-c', 'echo out; echo late >&2; exit 5')).toEqual({ code: 5, stdout: 'out\n', stderr: 'late\n' })
    if (!hasScript) return
    const shell = new PseudoTerminal(['shell', run], { cwd: project.root })
    await workInShell(shell)
    expect(await shell.ended).toBe(7)
    expect(shell.text).toContain(`${ROWS} ${COLUMNS}`)
  })

  test('a right that is missing is named', async () => {
    const { namespace } = await findCluster(undefined, process.env)
    const [{ stderr }, listed] = await withoutRight({ namespace, resource: 'pods/exec', verb: 'get' }, () =>
      Promise.all([at('shell', run, 'true'), at('ps')]),
    )
    expect(stderr).toMatch(/cowait may not get pods\/exec in namespace/)
    // What is not known is not told.
    expect(listed.stdout).toMatch(/kubernetes +- +- +tasks\/ending:stubborn/)
  })
})
