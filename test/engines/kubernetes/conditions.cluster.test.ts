import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { TaskOptions } from '../../../src/core/options.ts'
import { findCluster } from '../../../src/engines/kubernetes/kubeconfig.ts'
import { openHost } from '../../conformance/host.ts'
import { hasKubernetes } from './available.ts'
import { api, until, withoutRight } from './namespace.ts'

const ownCluster = process.env['TEST_CLUSTER']
const namespace = (await hasKubernetes()) ? (await findCluster(undefined, process.env)).namespace : ''
const pods = `/api/v1/namespaces/${namespace}/pods`

const open = (settings: Readonly<Record<string, unknown>> = {}) =>
  openHost({ name: 'kubernetes', isolated: true, options: { engine: 'kubernetes', engineSettings: settings } })

interface Trial {
  readonly task?: string
  readonly options?: TaskOptions
  readonly settings?: Readonly<Record<string, unknown>>
}

/** The error of a run that cannot start or go on. */
async function errorOf({ task = 'calls:nothing', options = {}, settings = {} }: Trial) {
  await using host = await open(settings)
  const settlement = await host.settle(task, {}, options)
  if (settlement.status === 'done') throw new Error(`${task} ended well`)
  return { code: settlement.error.code, text: JSON.stringify(settlement.error) }
}

/** Starts a task that never ends, does something to its pod, and answers its error. */
async function errorAfter(act: (pod: string) => Promise<unknown>) {
  await using host = await open()
  const settled = host.settle('ending:busy')
  await host.event('log', ({ text }) => text === 'busy')
  const { items } = (await api('GET', pods)) as { items: { metadata: { name: string } }[] }
  expect(items).toHaveLength(1)
  await act(items[0]?.metadata.name ?? '')
  const settlement = await settled
  if (settlement.status === 'done') throw new Error('it ended well')
  return { code: settlement.error.code, text: JSON.stringify(settlement.error) }
}

/** Objects for the time of a test. */
async function withObject<T>(path: string, object: { metadata: { name: string } }, act: () => Promise<T>): Promise<T> {
  await api('POST', path, object)
  try {
    return await act()
  } finally {
    await api('DELETE', `${path}/${object.metadata.name}`)
  }
}

describe.runIf(namespace)('what keeps a pod from starting is told with its cause', () => {
  describe.runIf(ownCluster)('by a registry', () => {
    /** Where the test cluster's node asks for every image that it does not have. */
    async function registry(status: number, code: string): Promise<Server> {
      const link = readFileSync(join(ownCluster ?? '', 'link'), 'utf8').trim()
      const server = createServer((_, response) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ errors: [{ code, message: code }] }))
      })
      server.listen(5999, networkInterfaces()[link]?.find(({ family }) => family === 'IPv4')?.address)
      await once(server, 'listening')
      return server
    }

    test.each([
      ['image missing', 404, 'MANIFEST_UNKNOWN', 'was not found'],
      ['pull refused', 401, 'UNAUTHORIZED', 'may not be pulled'],
      ['pull forbidden', 403, 'DENIED', 'may not be pulled'],
    ])('%s', async (_, status, code, words) => {
      const server = await registry(status, code)
      try {
        const error = await errorOf({ options: { image: 'example.test/team/none:1' } })
        expect(error).toMatchObject({ code: 'ENGINE', text: expect.stringContaining('example.test/team/none:1') })
        expect(error.text).toContain(words)
      } finally {
        server.closeAllConnections()
        server.close()
      }
    })

    test('no registry answers', async () => {
      expect((await errorOf({ options: { image: 'example.test/team/none:1' } })).text).toContain('could not be pulled')
    })
  })

  test('an image that may not be pulled and is not there', async () => {
    const error = await errorOf({ options: { image: 'example.test/none:1' }, settings: { pull: 'never' } })
    expect(error.text).toMatch(/example.test\/none:1.* is not on the node/)
  })

  test('an image without a valid name', async () => {
    expect((await errorOf({ options: { image: 'Not//valid' } })).text).toContain('Not//valid')
  })

  test('no node fits: the scheduler says why, and a time-out for the start ends it', async () => {
    await using host = await open()
    const settled = host.settle('calls:nothing', {}, { cpu: 10_000, startTimeout: '8s' })
    const { detail } = (await host.event('starting', ({ phase }) => phase?.phase === 'waiting')).phase ?? {}
    expect(detail).toContain('Insufficient cpu')
    expect(await settled).toMatchObject({
      status: 'failed',
      error: { code: 'TASK_TIMEOUT', message: expect.stringContaining(detail ?? '') },
    })
  })

  test('the quota is exceeded', async () => {
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'none' }, spec: { hard: { pods: '0' } } }
    const path = `/api/v1/namespaces/${namespace}/resourcequotas`
    const error = await withObject(path, quota, async () => {
      await until('the quota counts', async () => (await api('GET', `${path}/none`)).status?.hard?.pods === '0')
      return await errorOf({})
    })
    expect(error).toMatchObject({ code: 'ENGINE', text: expect.stringContaining(`quota of namespace ${namespace}`) })
  })

  test("a quota that holds just what runs at once is in nobody's way", async () => {
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'three' }, spec: { hard: { pods: '3' } } }
    const path = `/api/v1/namespaces/${namespace}/resourcequotas`
    await withObject(path, quota, async () => {
      await until('the quota counts', async () => (await api('GET', `${path}/three`)).status?.hard?.pods === '3')
      const engine = { name: 'kubernetes', isolated: true, options: { engine: 'kubernetes' } }
      await using host = await openHost(engine, { concurrency: 2 })
      expect(await host.output('calls:fan', { width: 8 })).toBe(28)
    })
  })

  test('a limit of the namespace does not admit it', async () => {
    const spec = { limits: [{ type: 'Container', max: { memory: '64Mi' }, default: { memory: '64Mi' } }] }
    const limits = { apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'small' }, spec }
    const error = await withObject(`/api/v1/namespaces/${namespace}/limitranges`, limits, () => errorOf({ options: { memory: '512m' } }))
    expect(error.text).toMatch(/maximum memory usage per Container is 64Mi/)
  })

  test('Pod Security does not admit it', async () => {
    const error = await errorOf({ settings: { user: '0' } })
    expect(error).toMatchObject({ code: 'ENGINE', text: expect.stringContaining('PodSecurity') })
  })

  test('a secret, a service account or a priority class is missing', async () => {
    expect((await errorOf({ settings: { envFrom: [{ secret: 'nowhere' }] } })).text).toContain('nowhere')
    expect((await errorOf({ settings: { serviceAccount: 'nobody' } })).text).toContain('nobody')
    expect((await errorOf({ settings: { priorityClass: 'highest' } })).text).toContain('highest')
  })

  test('a volume that is not there, which only the events of the pod tell', async () => {
    const error = await errorOf({ settings: { podVolumes: { '/data': { secret: 'nowhere' } } } })
    expect(error).toMatchObject({ code: 'ENGINE', text: expect.stringContaining(`there is no secret nowhere in namespace ${namespace}`) })
  })

  describe('by a container that comes before the worker', () => {
    const before = (image: string): object => ({
      name: 'setup',
      image,
      imagePullPolicy: 'Never',
      command: ['node', '-e', 'process.exit(3)'],
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    })
    const settings = (image: string): object => ({ podTemplate: { spec: { initContainers: [before(image)] } } })

    test('whose image is missing', async () => {
      const { text } = await errorOf({ settings: { ...settings('example.test/setup:1') }, options: { startTimeout: '30s' } })
      expect(text).toContain('example.test/setup:1')
      expect(text).toMatch(/of container \\"setup\\" is not on the node/)
    })

    test('which fails', async () => {
      const { text } = await errorOf({ settings: { ...settings('node:24-slim') }, options: { startTimeout: '30s' } })
      expect(text).toMatch(/Container \\"setup\\" of .* failed: Error with exit code 3/)
    })

    test('and a volume that is not there, which only the events of the pod tell', async () => {
      const error = await errorOf({
        settings: { ...settings('node:24-slim'), podVolumes: { '/data': { secret: 'nowhere' } } },
        options: { startTimeout: '30s' },
      })
      expect(error).toMatchObject({ code: 'ENGINE', text: expect.stringContaining('there is no secret nowhere') })
    })
  })

  test('a sandbox that cannot be made, which only the events of the pod tell', async () => {
    const runtime = { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: 'cowait-none' }, handler: 'nowhere' }
    const error = await withObject('/apis/node.k8s.io/v1/runtimeclasses', runtime, () =>
      errorOf({ settings: { podTemplate: { spec: { runtimeClassName: 'cowait-none' } } } }),
    )
    expect(error).toMatchObject({ code: 'ENGINE', text: expect.stringMatching(/cannot be made on its node.*nowhere.*runtimeClassName/) })
  })

  test('what may still come is told with the start time-out', async () => {
    const error = await errorOf({
      options: { startTimeout: '8s' },
      settings: {
        podTemplate: {
          spec: {
            volumes: [{ name: 'far', csi: { driver: 'nowhere.test' } }],
            containers: [{ name: 'worker', volumeMounts: [{ name: 'far', mountPath: '/far' }] }],
          },
        },
      },
    })
    expect(error).toMatchObject({
      code: 'TASK_TIMEOUT',
      text: expect.stringMatching(/did not start within 8s: its worker was being created \(on node .*FailedMount: /),
    })
  })

  test.each([
    ['pods', 'create', ''],
    ['pods/portforward', 'create', ''],
    ['jobs', 'create', 'batch'],
  ])('the right on %s is missing', async (resource, verb, group) => {
    const error = await withoutRight({ namespace, resource, verb, group }, () => errorOf({}))
    expect(error).toMatchObject({ code: 'ENGINE', text: expect.stringContaining(`may not`) })
    expect(error.text).toContain(resource)
  })

  test.each([
    ['patch', 'jobs', 'batch', 'jobs.batch'],
    ['watch', 'pods', '', 'pods'],
  ])('the right to %s %s is missing, which no start asks for itself', async (verb, resource, group, kind) => {
    // Without it this one would be waited for until its time is over: only the watch tells that its image is not there.
    const options = { image: 'example.test/none:1', startTimeout: '30s' } as const
    const right = { namespace, resource, verb, group, isAlone: true }
    const error = await withoutRight(right, () => errorOf({ options, settings: { pull: 'never' } }))
    expect(error).toMatchObject({ code: 'ENGINE', text: expect.stringContaining(`may not ${verb} ${kind} in namespace ${namespace}`) })
    const quick = await withoutRight(right, () => errorOf({ task: 'ending:busy', options: { timeout: '20s' } }))
    expect(quick.text).toContain(`may not ${verb} ${kind}`)
  })
})

describe.runIf(namespace)('what ends a pod from outside is told with its cause', () => {
  test('deleted by hand', async () => {
    const error = await errorAfter((pod) => api('DELETE', `${pods}/${pod}`))
    expect(error).toMatchObject({ code: 'TASK_LOST', text: expect.stringContaining('deleted') })
  })

  test('evicted', async () => {
    const error = await errorAfter(async (name) => {
      const eviction = api('POST', `${pods}/${name}/eviction`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } })
      // The pod is marked first and deleted then: where the supervisor saw the mark and was faster, there is no pod to delete.
      await eviction.catch((reason: unknown) => expect(reason).toMatchObject({ status: 404 }))
    })
    expect(error).toMatchObject({ code: 'TASK_LOST', text: expect.stringContaining('evicted') })
  })

  test('the right to renew the lease is taken away', async () => {
    await using host = await open()
    const settled = host.settle('ending:busy')
    await host.event('log', ({ text }) => text === 'busy')
    const settlement = await withoutRight({ namespace, resource: 'jobs', verb: 'patch', group: 'batch', isAlone: true }, () => settled)
    const cause = /the lease of its supervisor could not be renewed: .* may not patch jobs\.batch/
    expect(settlement).toMatchObject({ status: 'failed', error: { code: 'TASK_LOST', message: expect.stringMatching(cause) } })
  })

  test('out of memory', async () => {
    const error = await errorOf({ task: 'ending:eats', options: { memory: '64m' } })
    expect(error).toMatchObject({ code: 'TASK_LOST', text: expect.stringMatching(/memory.*64 MiB/) })
  })

  test.runIf(ownCluster)('the node is lost', async () => {
    const folder = ownCluster ?? ''
    const pid = readFileSync(join(folder, 'pid'), 'utf8').trim()
    const init = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    const tell = (signal: string): void => {
      execFileSync('nsenter', ['--target', init, '--pid', '--mount', 'sh', '-c', `kill -${signal} $(cat ${folder}/pids/kubelet)`])
    }
    try {
      const error = await errorAfter(async () => tell('STOP'))
      expect(error).toMatchObject({
        code: 'TASK_LOST',
        text: expect.stringContaining('its node node1, or the way to it, does not answer'),
      })
    } finally {
      tell('CONT')
      await until('the node is back', async () => {
        const { status } = await api('GET', '/api/v1/nodes/node1')
        return status.conditions.some(({ type, status: is }: { type: string; status: string }) => type === 'Ready' && is === 'True')
      })
    }
  })
})
