import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findCluster } from '../../../src/engines/kubernetes/kubeconfig.ts'
import { cowait, descendants, Invocation, TestProject, type Ended } from '../../cli/cowait.ts'
import { hasKubernetes } from './available.ts'
import { ownedBy } from './cluster.ts'
import { api, until } from './namespace.ts'

const isThere = await hasKubernetes()
const namespace = isThere ? (await findCluster(undefined, process.env)).namespace : ''
const jobs = `/apis/batch/v1/namespaces/${namespace}/jobs`

interface Listed {
  readonly id: string
  readonly status: string
}

describe.runIf(isThere)('--keep-failed in pods', () => {
  let project: TestProject
  beforeAll(() => {
    project = new TestProject()
    project.write(
      'ending.ts',
      `import { writeFileSync } from 'node:fs'
import { task, delay } from 'cowait'
export const late = task({ timeout: '3s', run: () => delay('1h') })
export const lost = task(async () => {
  writeFileSync('/tmp/evidence', 'written')
  process.kill(process.pid, 'SIGKILL')
})
`,
    )
  })
  afterAll(() => project[Symbol.dispose]())

  const at = (...args: string[]): Promise<Ended> => cowait(args, { cwd: project.root })
  const run = (...args: string[]): Promise<Ended> => at('run', ...args, '--engine', 'kubernetes', '--keep-failed')
  const keptOf = ({ stderr }: Ended): string => /"cowait shell (\S+)" looks inside/.exec(stderr)?.[1] ?? `nothing was kept:\n${stderr}`
  const listed = async (id: string): Promise<Listed[]> =>
    (JSON.parse((await at('ps', '--json')).stdout) as Listed[]).filter((one) => one.id === id)
  const nothingLeft = (): Promise<number> => until('nothing is left', async () => (await ownedBy()).length === 0)

  test('keeps the pod of the run that failed, to look into and to remove, and no other', async () => {
    const ended = await run('outcomes:outer')
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(/2 pods, 0 left, 1 kept\n$/)
    expect(ended.stderr.match(/looks inside/g)).toHaveLength(1)
    const id = keptOf(ended)
    // Its supervisor is gone, and all that was its.
    await until('the pod and its keeper are left', async () => (await ownedBy()).length === 2)
    expect(await listed(id)).toMatchObject([{ status: 'kept', engine: 'kubernetes' }])
    expect(await at('shell', id, 'sh', '-c', 'ls outcomes.ts; echo late >&2; exit 5')).toEqual({
      code: 5,
      stdout: 'outcomes.ts\n',
      stderr: 'late\n',
    })
    expect(await at('rm', id.slice(0, -1))).toEqual({ code: 0, stdout: '', stderr: `${id} is gone\n` })
    expect(await listed(id)).toEqual([])
    await nothingLeft()
  })

  test('what timed out and what was lost stays until prune --kept, with its files; what is done goes', async () => {
    const ids = [keptOf(await run('ending:late')), keptOf(await run('ending:lost'))]
    expect((await run('single')).stderr).not.toContain('looks inside')
    expect(await at('shell', ids[1] ?? '', 'cat', '/tmp/evidence')).toMatchObject({ code: 0, stdout: 'written' })
    expect((await at('prune', '--wait', '1m')).code).toBe(0)
    for (const id of ids) expect(await listed(id)).toMatchObject([{ status: 'kept' }])
    expect((await at('prune', '--kept', '--wait', '1m')).code).toBe(0)
    for (const id of ids) expect(await listed(id)).toEqual([])
    await nothingLeft()
  })

  test('a kept pod that nobody removes goes after a day', async () => {
    const id = keptOf(await run('outcomes:outer'))
    const keeper = async () => {
      const { items } = (await api('GET', `${jobs}?labelSelector=cowait.kept`)) as {
        items: { metadata: { name: string }; spec: object; status: { startTime?: string } }[]
      }
      return items[0]
    }
    const found = await keeper()
    expect(found?.metadata.name).toMatch(id)
    expect(found?.spec).toMatchObject({ activeDeadlineSeconds: 86_400, suspend: false, ttlSecondsAfterFinished: 0 })
    await until('its time runs', async () => (await keeper())?.status.startTime !== undefined)
    await api('PATCH', `${jobs}/${found?.metadata.name}`, { spec: { activeDeadlineSeconds: 1 } })
    await nothingLeft()
  })

  test('a supervisor that is killed leaves nothing of what might have been kept', async () => {
    const args = ['run', 'outcomes:deep', '-i', 'depth=1', '--engine', 'kubernetes', '--keep-failed']
    const invocation = new Invocation(args, { cwd: project.root })
    await invocation.shows('| ready')
    // The anchor, and two pods with their keepers.
    expect(await ownedBy()).toHaveLength(5)
    const pid = invocation.child.pid ?? 0
    for (const one of [...descendants(pid), pid]) process.kill(one, 'SIGKILL')
    await invocation.ended
    await until('nothing is left', async () => (await ownedBy()).length === 0, 60_000)
    // The private folder of the one that was killed.
    expect((await at('prune', '--wait', '1m')).code).toBe(0)
  })
})
