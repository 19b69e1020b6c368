import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { openHost, type ConformanceEngine } from '../../conformance/host.ts'
import { hasKubernetes } from './available.ts'
import { killWithGuard, openWay, ownedBy } from './cluster.ts'

const project = fileURLToPath(new URL('../../fixtures/conformance/', import.meta.url))
const cli = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url))
/** Of another cluster, this host may not reach the pods. */
const reachesPods = process.env['TEST_CLUSTER'] !== undefined && (await hasKubernetes())

const engine: ConformanceEngine = {
  name: 'kubernetes',
  isolated: true,
  options: { engine: 'kubernetes', engineSettings: { channel: 'direct' } },
}
const sweptMs = 60_000

describe.runIf(reachesPods)('channels to the pods themselves', () => {
  // Before the others: a supervisor to come removes the folder of one that was killed.
  test('a supervisor that is killed leaves nothing', async () => {
    const before = new Set(await ownedBy())
    const args = ['run', 'tasks/ending:busy', '--config', 'direct.config.ts', '--cluster', 'direct', '--ndjson']
    const child = spawn(process.execPath, [cli, ...args], { cwd: project, stdio: ['ignore', 'pipe', 'ignore'] })
    let printed = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text))
    await expect.poll(() => printed, { timeout: 60_000 }).toContain('"text":"busy"')
    const mine = (await ownedBy()).filter((name) => !before.has(name))
    expect(mine.length).toBeGreaterThanOrEqual(2)
    killWithGuard(child.pid ?? 0)
    await once(child, 'exit')
    await expect.poll(async () => (await ownedBy()).filter((name) => mine.includes(name)), { timeout: sweptMs, interval: 500 }).toEqual([])
  })

  test('carry inputs, outputs, logs, calls and exits as the forwarded ones do', async () => {
    await using host = await openHost(engine)
    const value = 'ä'.repeat(3_000_000)
    const [echoed, fanned, deep, , died, env] = await Promise.all([
      host.output('calls:echo', { value }),
      host.output('calls:fan', { width: 4 }),
      host.output('calls:depth', { left: 2 }),
      host.output('output:printsMany', { lines: 5000 }),
      host.settle('ending:exits', { code: 7 }),
      host.output('output:printsEnv', {}, { env: { SECRET: 'told to nobody' } }),
    ])
    expect(echoed).toBe(value)
    expect(fanned).toBe(6)
    expect(deep).toBe(2)
    expect(host.lines().length).toBeGreaterThanOrEqual(5000)
    expect(died).toMatchObject({ status: 'failed' })
    expect(env).toMatchObject({ secret: 'told to nobody' })
  })

  test('a cancelled run ends with its children, stubborn or not', async () => {
    await using host = await openHost(engine)
    const run = host.start('ending:parentOfStubborn', {}, { grace: '300ms' })
    await host.event('log', ({ text }) => text === 'stubborn')
    run.cancel({ code: 'TASK_CANCELLED', message: 'enough' })
    expect(await run.settled).toMatchObject({ status: 'cancelled' })
  })

  test('go on while the API server is away', async () => {
    using way = await openWay()
    let owner = ''
    await using host = await openHost({
      ...engine,
      options: { engine: 'kubernetes', openEngine: async () => await way.open(owner, { channel: 'direct' }) },
    })
    owner = host.supervisor.id
    const slow = host.settle('calls:slow', { ms: 3000 })
    await host.event('running', () => true)
    way.close()
    // Answers while nothing can be asked of the cluster.
    expect(await slow).toMatchObject({ status: 'done' })
    await way.reopen()
  })
})
