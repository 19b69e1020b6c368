import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TaskOptions } from '../../../src/core/options.ts'
import { findCluster } from '../../../src/engines/kubernetes/kubeconfig.ts'
import { openHost } from '../../conformance/host.ts'
import { hasKubernetes } from './available.ts'
import { api } from './namespace.ts'

const isThere = await hasKubernetes()
const namespace = isThere ? (await findCluster(undefined, process.env)).namespace : ''
const core = `/api/v1/namespaces/${namespace}`
/** Not in a namespace: other tests may have theirs. */
const cluster = `${namespace}-wide`

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** What the settings name: by its path in the API. */
const objects: [path: string, object: { metadata: { name: string } } & Record<string, unknown>][] = [
  [`${core}/serviceaccounts`, { metadata: { name: 'builder' } }],
  [
    `${core}/secrets`,
    { metadata: { name: 'registry' }, type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': base64('{"auths":{}}') } },
  ],
  [`${core}/secrets`, { metadata: { name: 'api' }, data: { API_KEY: base64('hidden'), LIMIT: base64('of the secret') } }],
  [`${core}/configmaps`, { metadata: { name: 'limits' }, data: { LIMIT: 'of the map', 'limits.txt': '5 a second' } }],
  ['/apis/scheduling.k8s.io/v1/priorityclasses', { metadata: { name: cluster }, value: 7, globalDefault: false }],
  [
    '/api/v1/persistentvolumes',
    {
      metadata: { name: cluster },
      spec: {
        capacity: { storage: '1Mi' },
        accessModes: ['ReadWriteOnce'],
        storageClassName: cluster,
        hostPath: { path: '/tmp', type: 'Directory' },
      },
    },
  ],
  [
    `${core}/persistentvolumeclaims`,
    {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], storageClassName: cluster, resources: { requests: { storage: '1Mi' } } },
    },
  ],
]

const settings = {
  serviceAccount: 'builder',
  imagePullSecrets: ['registry'],
  nodeSelector: { 'kubernetes.io/os': 'linux' },
  tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'batch', effect: 'NoSchedule' }],
  affinity: 'spread',
  priorityClass: cluster,
  user: '1234:2345',
  workdir: 'tasks',
  podLabels: { team: 'vision' },
  podAnnotations: { 'example.com/cost': '17' },
  envFrom: [{ secret: 'api' }, { configMap: 'limits' }],
  podVolumes: {
    '/secret': { secret: 'api', readOnly: true },
    '/map': { configMap: 'limits' },
    '/scratch': { emptyDir: { sizeLimit: '1Mi' } },
    '/claimed': { claim: 'data' },
  },
  podTemplate: {
    metadata: { labels: { tier: 'work' } },
    spec: {
      hostname: 'inside',
      containers: [{ name: 'worker', env: [{ name: 'FROM_TEMPLATE', value: 'yes' }], securityContext: { readOnlyRootFilesystem: true } }],
    },
  },
}

describe.runIf(isThere)('what is set', () => {
  let host: Awaited<ReturnType<typeof openHost>>
  let pod: { metadata: Record<string, object>; spec: Record<string, unknown> & { containers: object[] }; status: { qosClass?: string } }
  let seen: Record<string, unknown>

  beforeAll(async () => {
    for (const [path, object] of objects) await api('POST', path, object)
    host = await openHost({ name: 'kubernetes', isolated: true, options: { engine: 'kubernetes', engineSettings: settings } })
    const names = ['API_KEY', 'LIMIT', 'FROM_TEMPLATE', 'OWN']
    const files = ['/secret/API_KEY', '/map/limits.txt']
    const options: TaskOptions = {
      cpu: 0.5,
      memory: { request: '100m', limit: '200m' },
      env: { OWN: 'of the run' },
      tags: { purpose: 'look' },
    }
    const root = host.start('looking:looks', { names, files }, options)
    const said = host.event('log', ({ text }) => text.startsWith('seen '))
    const ended = root.settled.then((settlement) => {
      throw new Error(JSON.stringify(settlement))
    })
    seen = JSON.parse((await Promise.race([said, ended])).text.slice('seen '.length)) as typeof seen
    const { items } = (await api('GET', `${core}/pods`)) as { items: (typeof pod)[] }
    pod = items[0] as typeof pod
    ended.catch(() => undefined)
  }, 120_000)

  afterAll(async () => {
    await host[Symbol.asyncDispose]()
    for (const [path, { metadata }] of objects.toReversed()) await api('DELETE', `${path}/${metadata.name}`)
  }, 120_000)

  test('stands in the pod: account, secrets for pulling, placing, priority, labels', () => {
    expect(pod.spec).toMatchObject({
      serviceAccountName: 'builder',
      automountServiceAccountToken: false,
      imagePullSecrets: [{ name: 'registry' }],
      nodeSelector: settings.nodeSelector,
      priorityClassName: cluster,
      priority: 7,
      topologySpreadConstraints: [{ topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' }],
      hostname: 'inside',
    })
    expect(pod.spec['tolerations']).toEqual(expect.arrayContaining(settings.tolerations))
    expect(pod.metadata).toMatchObject({
      labels: { team: 'vision', tier: 'work', 'app.kubernetes.io/managed-by': 'cowait', 'cowait.tag.purpose': 'look' },
      annotations: { 'example.com/cost': '17' },
    })
    expect(pod.spec.containers).toMatchObject([
      { name: 'worker', resources: { limits: { cpu: '500m', memory: '209715200' }, requests: { cpu: '500m', memory: '104857600' } } },
    ])
  })

  test('is what the task gets: variables, files, volumes, its user and folder', () => {
    expect(seen).toMatchObject({
      user: [1234, 2345],
      groups: [2345],
      hostname: 'inside',
      cwd: '/tmp/.cowait/program/code/tasks',
      // The later one of two has its way; what the run says is there too.
      env: { API_KEY: 'hidden', LIMIT: 'of the map', FROM_TEMPLATE: 'yes', OWN: 'of the run' },
      files: { '/secret/API_KEY': 'hidden', '/map/limits.txt': '5 a second' },
      scratch: ['written'],
      mounts: expect.arrayContaining(['/secret', '/map', '/scratch', '/claimed', '/tmp']),
    })
  })

  test('gives no token, no rights and no place to write beyond those', () => {
    expect(seen).toMatchObject({ hasToken: false, root: 'EROFS', NoNewPrivs: '1', Seccomp: '2', CapEff: '0000000000000000' })
    expect(JSON.stringify(pod)).not.toMatch(/hidden|of the run/)
  })
})

describe.runIf(isThere)('without a read-only root, and with a volume in the place of /tmp', () => {
  test('a task writes where its user may, and our files stay out of the volume', async () => {
    const options = { engine: 'kubernetes', engineSettings: { podVolumes: { '/tmp': { emptyDir: {} } } } }
    await using host = await openHost({ name: 'kubernetes', isolated: true, options })
    const said = host.event('log', ({ text }) => text.startsWith('seen '))
    const root = host.start('looking:looks', { names: ['TMPDIR'], files: [] }, {})
    const ended = root.settled.then((settlement) => {
      throw new Error(JSON.stringify(settlement))
    })
    const seen: unknown = JSON.parse((await Promise.race([said, ended])).text.slice('seen '.length))
    ended.catch(() => undefined)
    expect(seen).toMatchObject({
      root: 'EACCES',
      cwd: '/tmp/.cowait/program/code',
      env: { TMPDIR: '/tmp' },
      mounts: expect.arrayContaining(['/tmp', '/tmp/.cowait']),
    })
  })
})
