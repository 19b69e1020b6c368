import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { findCluster } from '../../../src/engines/kubernetes/kubeconfig.ts'
import { openHost } from '../../conformance/host.ts'
import { hasKubernetes } from './available.ts'
import { killWithGuard, openWay, ownedBy } from './cluster.ts'
import { api } from './namespace.ts'

const project = fileURLToPath(new URL('../../fixtures/conformance/', import.meta.url))
const cli = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url))

/**
 * What is ours: the Job's deadline is never further off than the lease and the second that it is rounded up by, and the pods have ended
 * by themselves by then. The rest is the cluster's: its controllers see that the deadline has passed, remove the Job, then its pods, and
 * the node confirms each. In 20 trials (busy, stubborn, a tree of four) on two cores with a load of 12 all was gone after 7.6 to 10.8 s.
 */
const leaseMs = 9000
/** 15 s on a machine that has time; here it may have none. */
const sweptMs = 30_000

/** From the moment when the Job is asked for to that when the cluster counts from, which it tells in whole seconds. */
const startDelayMs = 3000

/** When the Jobs of this namespace will end by themselves. */
async function deadlines(): Promise<number[]> {
  const { namespace } = await findCluster(undefined, process.env)
  const { items } = (await api('GET', `/apis/batch/v1/namespaces/${namespace}/jobs`)) as {
    items: { spec: { activeDeadlineSeconds: number }; status: { startTime: string } }[]
  }
  return items.map(({ spec, status }) => Date.parse(status.startTime) + spec.activeDeadlineSeconds * 1000)
}

const ownCluster = process.env['TEST_CLUSTER']

/** The worker processes of a pod on a node that is this machine. */
function workersOf(uid: string): string[] {
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return ''
    }
  }
  return readdirSync('/proc')
    .filter((pid) => Number(pid) > 0 && read(`/proc/${pid}/cgroup`).includes(uid))
    .filter((pid) => read(`/proc/${pid}/cmdline`).includes('worker.js'))
}

describe.runIf(await hasKubernetes())('when the supervisor or the way to it goes', () => {
  test.each(['ending:busy', 'ending:parentOfStubborn'])('a supervisor that is killed leaves nothing: %s', async (task) => {
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
    const killedAt = Date.now()
    for (const endsAt of await deadlines()) expect(endsAt - killedAt).toBeLessThanOrEqual(leaseMs + startDelayMs)
    await expect.poll(async () => (await ownedBy()).filter((name) => mine.includes(name)), { timeout: sweptMs, interval: 500 }).toEqual([])
  })

  test.runIf(ownCluster)('a run whose pod somebody deletes is gone only when its process is', async () => {
    await using host = await openHost({ name: 'kubernetes', isolated: true, options: { engine: 'kubernetes' } })
    const settled = host.settle('ending:stubborn')
    const { run } = await host.event('log', ({ text }) => text === 'stubborn')
    const { namespace } = await findCluster(undefined, process.env)
    const path = `/api/v1/namespaces/${namespace}/pods`
    const { items } = (await api('GET', path)) as { items: { metadata: { name: string; uid: string } }[] }
    const [pod] = items.filter(({ metadata }) => metadata.name.startsWith('stubborn'))
    const uid = pod?.metadata.uid ?? ''
    expect(workersOf(uid)).toHaveLength(1)
    let left: string[] | undefined
    host.supervisor.subscribe((event) => {
      if (event.type === 'removed' && event.run === run) left = workersOf(uid)
    })
    await api('DELETE', `${path}/${pod?.metadata.name}`)
    expect(await settled).toMatchObject({ status: 'failed', error: { code: 'TASK_LOST' } })
    await host.event('removed', (event) => event.run === run)
    expect(left).toEqual([])
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
