import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { directPort } from '../../../src/engines/kubernetes/direct-tls.ts'
import { findCluster } from '../../../src/engines/kubernetes/kubeconfig.ts'
import { cowait, Invocation, type Ended } from '../../cli/cowait.ts'
import { ApiProxy, type Asked } from './api-proxy.ts'
import { hasKubernetes } from './available.ts'
import { ownedBy } from './cluster.ts'
import { api, kubectl, until, withoutRight } from './namespace.ts'

const isThere = await hasKubernetes()
const ownCluster = process.env['TEST_CLUSTER']
const namespace = isThere ? (await findCluster(undefined, process.env)).namespace : ''
const jobs = `/apis/batch/v1/namespaces/${namespace}/jobs`
const pods = `/api/v1/namespaces/${namespace}/pods`
const nodeModules = fileURLToPath(new URL('../../../node_modules', import.meta.url))

const program = `import { existsSync, readFileSync } from 'node:fs'
import { task, join, delay } from 'cowait'
export const child = task(async ({ n, until }: { n: number, until?: string }) => {
  console.log('child', n, process.env['WORD'])
  if (until) await delay(until)
  return n * n
})
export const both = task(async ({ until }: { until?: string }) => await join([child({ n: 2, until }), child({ n: 3, until })]))
export const fails = task(async () => {
  await child({ n: 1 })
  throw new RangeError('too far')
})
export const sees = task(async () => {
  const sockets = ['tcp', 'tcp6'].flatMap(name => readFileSync('/proc/net/' + name, 'utf8').split('\\n'))
  const established = sockets.map(line => line.trim().split(/ +/)).filter(fields => fields[3] === '01')
  return {
    token: existsSync('/var/run/secrets/kubernetes.io/serviceaccount/token'),
    ports: [...new Set(established.map(fields => parseInt(fields[1].split(':')[1], 16)))],
  }
})
`

/** Its program has no time to clear up. */
const killSupervisor = 'for p in /proc/[0-9]*; do grep -qs "dist/[d]etached.js" $p/cmdline && kill -9 ${p#/proc/}; done; :'

describe.runIf(isThere)('cowait run --detach', () => {
  let project: string
  let elsewhere: string
  beforeAll(() => {
    project = mkdtempSync(join(tmpdir(), 'cowait-detach-'))
    elsewhere = mkdtempSync(join(tmpdir(), 'cowait-elsewhere-'))
    symlinkSync(nodeModules, join(project, 'node_modules'))
    writeFileSync(join(project, 'jobs.ts'), program)
    configure({ supervisorAccount: 'cowait' })
  })
  afterAll(() => {
    for (const folder of [project, elsewhere]) rmSync(folder, { recursive: true, force: true })
  })

  const configure = (settings: object): void =>
    writeFileSync(join(project, 'cowait.config.json'), JSON.stringify({ engine: 'kubernetes', pull: 'never', ...settings }))
  const detach = async (...args: string[]): Promise<string> => {
    const ended = await cowait(['run', ...args, '--engine', 'kubernetes', '--detach'], { cwd: project })
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
    return ended.stdout.trim()
  }
  /** Another terminal, of somebody else, whose own kubeconfig alone names the cluster. */
  const other = { cwd: '', env: {} as NodeJS.ProcessEnv }
  beforeAll(() => {
    other.cwd = elsewhere
    cpSync(process.env['KUBECONFIG'] ?? '', join(elsewhere, '.kube/config'))
    other.env = { ...process.env, HOME: elsewhere, TMPDIR: elsewhere, XDG_RUNTIME_DIR: elsewhere, KUBECONFIG: '' }
  })
  const there = (...args: string[]): Promise<Ended> => cowait(args, other)
  const listed = async (): Promise<{ id: string; parent: string | null; status: string }[]> =>
    JSON.parse((await there('ps', '--everywhere', '--json')).stdout) as { id: string; parent: string | null; status: string }[]
  const jobsOfRuns = async (): Promise<string[]> => {
    const { items } = (await api('GET', `${jobs}?labelSelector=cowait.detached`)) as {
      items: { metadata: { name: string; deletionTimestamp?: string } }[]
    }
    return items.flatMap(({ metadata }) => (metadata.deletionTimestamp === undefined ? [metadata.name] : []))
  }
  const only = (run: string): Promise<Ended> => there('rm', '--force', run)

  test('the tree goes on alone; from elsewhere it is followed from its beginning, also when it has ended', async () => {
    const run = await detach('jobs:both', '-i', 'until=4s', '-e', 'WORD=confidential')
    await until('it has called both', async () => (await listed()).filter(({ id, parent }) => id === run || parent === run).length === 3)
    for (const time of ['while it runs', 'afterwards']) {
      const ended = await there('attach', run)
      expect(ended, time).toMatchObject({ code: 0, stdout: '[4,9]\n' })
      expect(ended.stderr, time).toMatch(/3 pods, 0 left\n$/)
    }
    expect((await there('logs', run)).stdout.match(/child \d \*\*\*/g)).toHaveLength(2)
    expect(JSON.parse((await there('attach', run, '--json')).stdout)).toMatchObject({ status: 'done', output: [4, 9] })
    const { items } = (await api('GET', `${pods}?labelSelector=cowait.detached=${run}`)) as { items: object[] }
    expect(JSON.stringify(items)).not.toContain('confidential')
    await until('its workers and their owner are gone', async () => (await ownedBy()).length === 0)
    expect((await only(run)).code).toBe(0)
  })

  test('a failure is told with its exit code; workers have no token, and are spoken to directly', async () => {
    const [failing, looking] = await Promise.all([detach('jobs:fails'), detach('jobs:sees')])
    const ended = await there('attach', failing, '--ndjson')
    expect(ended.code).toBe(1)
    expect(JSON.parse(ended.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
      type: 'result',
      status: 'failed',
      error: { name: 'RangeError', message: 'too far' },
    })
    const { code, stdout } = await there('attach', looking)
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual({ token: false, ports: [directPort] })
    await only(failing)
    await only(looking)
  })

  test('kill ends one run of it, or all; Ctrl-C of attach ends neither', async () => {
    const run = await detach('jobs:both', '-i', 'until=1h')
    const attached = new Invocation(['attach', run, '--progress', 'plain'], other)
    await attached.shows('child 3')
    attached.child.kill('SIGINT')
    expect(await attached.ended).toMatchObject({ code: 130 })
    expect(attached.stderr).toContain(`cowait kill ${run}`)
    const child = (await listed()).find(({ parent }) => parent === run)?.id ?? ''
    expect(await there('kill', child)).toMatchObject({ code: 0, stderr: `${child} is gone\n` })
    expect((await there('attach', run)).stderr).toContain(`${child} was cancelled: cowait kill`)
    const second = await detach('jobs:both', '-i', 'until=1h')
    expect((await there('kill', second)).code).toBe(0)
    expect((await there('attach', second)).code).toBe(130)
    for (const one of [run, second]) await only(one)
  })

  test('kill of one whose supervisor cannot be asked says so, and is done when all of it is gone', async () => {
    const run = await detach('jobs:both', '-i', 'until=1h')
    await until('it has called both', async () => (await listed()).filter(({ parent }) => parent === run).length === 2)
    const child = (await listed()).find(({ parent }) => parent === run)?.id ?? ''
    const [wholly, partly] = await withoutRight({ namespace, resource: 'pods/exec', verb: 'create' }, async () => {
      const one = await there('kill', child)
      return [await there('kill', run), one]
    })
    const { items } = (await api('GET', `${pods}?labelSelector=app.kubernetes.io/managed-by=cowait`)) as { items: object[] }
    expect(items).toEqual([])
    expect(wholly).toMatchObject({ code: 0, stdout: '' })
    expect(wholly.stderr).toMatch(
      new RegExp(`^${run} is gone; its supervisor could not be asked \\(.* may not \\w+ pods/exec .*its log goes too\\n$`),
    )
    // Its worker's label tells of it, and nobody but its supervisor may end it.
    expect(partly.code).toBe(2)
    expect(partly.stderr).toContain(child)
  })

  test('who starts it may be killed at once; its Job may be deleted by hand; nothing is left', async () => {
    const starting = new Invocation(['run', 'jobs:both', '-i', 'until=1h', '--engine', 'kubernetes', '--detach'], { cwd: project })
    await until('its Job is there', async () => (await jobsOfRuns()).length === 1)
    starting.child.kill('SIGKILL')
    await starting.ended
    // Either it had all that it needs, or it ends without it.
    const [early] = await jobsOfRuns()
    if (early !== undefined) await only(early)
    await cowait(['prune'], { cwd: project })
    const run = await detach('jobs:both', '-i', 'until=1h')
    const attached = new Invocation(['attach', run, '--progress', 'plain'], other)
    await attached.shows('child 3')
    await api('DELETE', `${jobs}/${run}?propagationPolicy=Background`)
    const ended = await attached.ended
    // Its pod is asked to end first, and tells how.
    expect([3, 130, 143]).toContain(ended.code)
    const left = async (): Promise<number> => {
      const query = '?labelSelector=app.kubernetes.io/managed-by=cowait'
      const lists = (await Promise.all([api('GET', pods + query), api('GET', jobs + query)])) as { items: object[] }[]
      return lists.reduce((sum, { items }) => sum + items.length, 0)
    }
    await until('nothing is left', async () => (await left()) === 0, 60_000)
  })

  test('of one that is killed while its pod waits nothing stays; one that has begun has no deadline', async () => {
    const deadlineOf = async (job: string): Promise<number | undefined> =>
      ((await api('GET', `${jobs}/${job}`)) as { spec: { activeDeadlineSeconds?: number } }).spec.activeDeadlineSeconds
    configure({ supervisorAccount: 'cowait', nodeSelector: { disk: 'none' } })
    const starting = new Invocation(['run', 'jobs:sees', '--engine', 'kubernetes', '--detach'], { cwd: project })
    await starting.shows('waiting: ')
    const [job = ''] = await jobsOfRuns()
    expect(await deadlineOf(job)).toBe(60)
    await until('its deadline is moved on', async () => ((await deadlineOf(job)) ?? 0) > 60)
    starting.child.kill('SIGKILL')
    await starting.ended
    // The cluster's own doing, sooner than it would come.
    await api('PATCH', `${jobs}/${job}`, { spec: { activeDeadlineSeconds: 1 } })
    await until('its Job is gone', async () => !(await jobsOfRuns()).includes(job), 60_000)
    await until('its pod is gone', async () => ((await api('GET', pods)) as { items: object[] }).items.length === 0, 60_000)
    await cowait(['prune'], { cwd: project })
    configure({ supervisorAccount: 'cowait' })
    const run = await detach('jobs:both', '-i', 'until=1h')
    expect(await deadlineOf(run)).toBeUndefined()
    await only(run)
  })

  test('it is handed over when its run has begun: it may end before that, and who starts it may be killed', async () => {
    await using proxy = await ApiProxy.open()
    const env = { ...process.env, KUBECONFIG: proxy.kubeconfig }
    const isHandover = ({ what, url }: Asked): boolean => what === 'PATCH' && url.includes('/jobs/')
    proxy.fault = (asked) => (isHandover(asked) ? { delayMs: 12_000 } : undefined)
    const short = await cowait(['run', 'jobs:sees', '--engine', 'kubernetes', '--detach'], { cwd: project, env })
    expect(short, short.stderr).toMatchObject({ code: 0 })
    expect((await there('attach', short.stdout.trim())).code).toBe(0)
    await only(short.stdout.trim())

    proxy.fault = (asked) => (isHandover(asked) ? { delayMs: 60_000 } : undefined)
    const before = proxy.asked.filter(isHandover).length
    const starting = new Invocation(['run', 'jobs:both', '-i', 'until=1h', '--engine', 'kubernetes', '--detach'], { cwd: project, env })
    await until('it is about to be handed over', async () => proxy.asked.filter(isHandover).length > before)
    const [job = ''] = await jobsOfRuns()
    await until('its run has begun', async () => (await listed()).some(({ parent }) => parent === job))
    starting.child.kill('SIGKILL')
    await starting.ended
    await api('PATCH', `${jobs}/${job}`, { spec: { activeDeadlineSeconds: 1 } })
    await until('its Job is gone', async () => !(await jobsOfRuns()).includes(job), 60_000)
    await until('its pods are gone', async () => ((await api('GET', pods)) as { items: object[] }).items.length === 0, 60_000)
    await cowait(['prune'], { cwd: project })
  })

  test('begins under a quota that wants every pod to name its cpu and memory', async () => {
    const path = `/api/v1/namespaces/${namespace}/resourcequotas`
    const hard = { 'requests.cpu': '2', 'requests.memory': '2Gi', 'limits.cpu': '4', 'limits.memory': '4Gi' }
    await api('POST', path, { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'compute' }, spec: { hard } })
    try {
      await until('the quota counts', async () => (await api('GET', `${path}/compute`)).status?.hard !== undefined)
      configure({ supervisorAccount: 'cowait', cpu: 0.5, memory: '128m' })
      const run = await detach('jobs:sees')
      expect((await there('attach', run)).code).toBe(0)
      await only(run)
    } finally {
      await api('DELETE', `${path}/compute`)
      configure({ supervisorAccount: 'cowait' })
    }
  })

  test('a start takes no longer than startTimeout, and says what it has waited for', async () => {
    configure({ supervisorAccount: 'cowait', nodeSelector: { disk: 'none' }, startTimeout: '5s' })
    const { code, stderr } = await cowait(['run', 'jobs:sees', '--engine', 'kubernetes', '--detach'], { cwd: project })
    expect(stderr).toMatch(/did not start within 5s: no node takes its pod: 0\/\d+ nodes are available/)
    expect(code).toBe(3)
    expect(await jobsOfRuns()).toEqual([])
    configure({ supervisorAccount: 'cowait' })
  })

  test('a killed supervisor is told as such, and its workers go', async () => {
    const run = await detach('jobs:both', '-i', 'until=1h')
    const attached = new Invocation(['attach', run, '--progress', 'plain'], other)
    await attached.shows('child 3')
    const { items } = (await api('GET', `${pods}?labelSelector=cowait.detached=${run}`)) as { items: { metadata: { name: string } }[] }
    await kubectl('--namespace', namespace, 'exec', items[0]?.metadata.name ?? '', '--', 'sh', '-c', killSupervisor)
    expect(await attached.ended).toMatchObject({ code: 3 })
    expect(attached.stderr).toContain(`the supervisor of ${run} is gone`)
    type Listed = { items: { metadata: { name: string }; spec: { activeDeadlineSeconds: number }; status: { phase: string } }[] }
    const owned = async (kind: string): Promise<Listed['items']> =>
      ((await api('GET', `${kind}?labelSelector=cowait.owner`)) as Listed).items
    const ended = async (): Promise<boolean> =>
      (await owned(pods)).every(({ status: { phase } }) => phase === 'Failed' || phase === 'Succeeded')
    await until('its workers have ended by themselves', ended, 20_000)
    const [anchor] = await owned(jobs)
    // It outlasts an API server that is away for a while; what it clears away has ended.
    expect(anchor?.spec.activeDeadlineSeconds).toBeGreaterThanOrEqual(60)
    // The cluster's own doing, sooner than it would come.
    await api('PATCH', `${jobs}/${anchor?.metadata.name}`, { spec: { activeDeadlineSeconds: 1 } })
    await until('nothing of them is left', async () => (await ownedBy()).length === 0, 60_000)
    await only(run)
  })

  test.runIf(ownCluster)('its tree goes on while the API server does not answer for a while', async () => {
    const folder = ownCluster ?? ''
    const pid = readFileSync(join(folder, 'pid'), 'utf8').trim()
    const init = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    const tell = (signal: string): void => {
      execFileSync('nsenter', ['--target', init, '--pid', '--mount', 'sh', '-c', `kill -${signal} $(cat ${folder}/pids/apiserver)`])
    }
    const run = await detach('jobs:both', '-i', 'until=30s')
    // One that has not begun by then waits for the API server, and not for so long.
    const begun = async (): Promise<number> =>
      (await listed()).filter(({ parent, status }) => parent === run && status === 'running').length
    await until('both that it called have begun', async () => (await begun()) === 2)
    tell('STOP')
    await new Promise((resolve) => setTimeout(resolve, 20_000))
    tell('CONT')
    const ended = await there('attach', run)
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
    expect(JSON.parse(ended.stdout)).toEqual([4, 9])
    await only(run)
  })

  test('it ends when its time is over, with what is known of it', async () => {
    configure({ supervisorAccount: 'cowait', keepDetached: 0 })
    const run = await detach('jobs:sees')
    await until(
      'its Job is gone',
      async () =>
        !((await api('GET', jobs)) as { items: { metadata: { name: string } }[] }).items.some(({ metadata }) => metadata.name === run),
    )
    expect(await there('attach', run)).toMatchObject({ code: 2, stderr: expect.stringContaining(`There is no detached run ${run}`) })
    configure({ supervisorAccount: 'cowait' })
  })

  test('what is missing is named, and nothing is left', async () => {
    const refused = async (...args: string[]): Promise<Ended> =>
      await cowait(['run', 'jobs:sees', '--detach', ...(args.length > 0 ? args : ['--engine', 'kubernetes'])], { cwd: project })
    expect(await refused('--engine', 'process')).toMatchObject({ code: 2, stderr: expect.stringContaining('--engine kubernetes') })
    configure({})
    expect(await refused()).toMatchObject({ code: 2, stderr: expect.stringContaining('"supervisorAccount"') })
    configure({ supervisorAccount: 'nobody' })
    const interrupted = new Invocation(['run', 'jobs:sees', '--engine', 'kubernetes', '--detach'], { cwd: project })
    await until('its Job is there', async () => (await jobsOfRuns()).length === 1)
    interrupted.child.kill('SIGINT')
    expect(await interrupted.ended).toMatchObject({ code: 130, stdout: '', stderr: expect.stringContaining('nothing is left of it') })
    expect(await jobsOfRuns()).toEqual([])
    expect(await refused()).toMatchObject({ code: 3, stderr: expect.stringContaining('serviceaccount "nobody" not found') })
    configure({ supervisorAccount: 'default' })
    const run = await detach('jobs:sees')
    expect(await there('attach', run)).toMatchObject({ code: 3, stderr: expect.stringContaining('Give it the right') })
    await only(run)
    configure({ supervisorAccount: 'cowait' })
    expect(await there('attach', 'nothing')).toMatchObject({ code: 2 })
  })
})
