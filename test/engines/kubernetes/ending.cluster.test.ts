import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { openHost } from '../../conformance/host.ts'
import { hasKubernetes } from './available.ts'
import { killWithGuard, openWay, ownedBy } from './cluster.ts'

const project = fileURLToPath(new URL('../../fixtures/conformance/', import.meta.url))
const cli = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url))

/** 15 s on a machine that has time; here it may have none. */
const sweptMs = 60_000

describe.runIf(await hasKubernetes())('when the supervisor or the way to it goes', () => {
  test.each(['ending:busy', 'ending:stubborn'])('a supervisor that is killed leaves nothing: %s', async (task) => {
    const child = spawn(process.execPath, [cli, 'run', `tasks/${task}`, '--engine', 'kubernetes', '--ndjson'], {
      cwd: project,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const before = new Set(await ownedBy())
    let printed = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text))
    await expect.poll(() => printed, { timeout: 60_000 }).toMatch(/"text":"(busy|stubborn)"/)
    const mine = (await ownedBy()).filter((name) => !before.has(name))
    expect(mine.length).toBeGreaterThanOrEqual(2)
    killWithGuard(child.pid ?? 0)
    await once(child, 'exit')
    await expect.poll(async () => (await ownedBy()).filter((name) => mine.includes(name)), { timeout: sweptMs, interval: 500 }).toEqual([])
  })

  test('streams that break, and an API server that is away for a while, lose nothing', async () => {
    using way = await openWay()
    let owner = ''
    await using host = await openHost({
      name: 'kubernetes',
      isolated: true,
      options: { engine: 'kubernetes', openEngine: async () => await way.open(owner) },
    })
    owner = host.supervisor.id
    const large = 'ä'.repeat(1_000_000)
    const slow = host.settle('calls:slow', { ms: 8000 })
    await host.event('running', () => true)
    way.cut()
    const echoed = host.output('calls:echo', { value: large })
    await host.event('starting', ({ phase }) => phase?.phase === 'booting')
    way.close()
    await new Promise((resolve) => setTimeout(resolve, 1500))
    await way.reopen()
    expect(await echoed).toBe(large)
    expect(await slow).toMatchObject({ status: 'done' })
  })

  test('a network that is cut in silence leaves nothing in the cluster, and the run is lost', async () => {
    using way = await openWay()
    let owner = ''
    await using host = await openHost({
      name: 'kubernetes',
      isolated: true,
      options: { engine: 'kubernetes', openEngine: async () => await way.open(owner) },
    })
    owner = host.supervisor.id
    const settled = host.settle('ending:busy')
    await host.event('log', ({ text }) => text === 'busy')
    expect(await ownedBy(owner)).toHaveLength(2)
    way.hold()
    await expect.poll(async () => await ownedBy(owner), { timeout: sweptMs, interval: 500 }).toEqual([])
    way.release()
    expect(await settled).toMatchObject({ status: 'failed', error: { code: 'TASK_LOST' } })
  })
})
