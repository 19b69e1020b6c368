import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { WorkerSpec } from '../../../src/core/engine.ts'
import { UsageError } from '../../../src/core/errors.ts'
import { checkSpec } from '../../../src/engines/kubernetes/check-spec.ts'
import { supervisorJob } from '../../../src/engines/kubernetes/detached/supervisor-job.ts'
import { podCode } from '../../../src/engines/kubernetes/pod-folders.ts'
import { podSpec } from '../../../src/engines/kubernetes/pod-spec.ts'
import { parseSettings } from '../../../src/engines/kubernetes/settings.ts'

const spec: WorkerSpec = {
  id: 'w1',
  owner: 's1',
  name: 'train-x7k2m9qd',
  code: { hash: 'h', path: podCode, cwd: podCode },
  resources: {},
  mounts: [],
  ports: {},
  labels: {},
  settings: {},
}

interface Made {
  metadata: Record<string, Record<string, string>> & { name: string; ownerReferences: unknown[] }
  spec: Record<string, unknown> & { containers: Record<string, unknown>[] }
}

function made(over: Partial<WorkerSpec> = {}, settings: Record<string, unknown> = {}): Made {
  const hash = createHash('sha256').update('token').digest('hex')
  const anchor = { name: 'cowait-s1-abc', uid: 'u' }
  return podSpec({ spec: { ...spec, ...over }, settings: parseSettings(settings), anchor, annotations: {}, hash }) as Made
}

describe("a detached supervisor's Job", () => {
  const templateOf = (settings: Record<string, unknown>): Made => {
    const options = { run: 'train-x7k2m9qd', task: 'jobs:train', account: 'cowait', hash: 'h' }
    const job = supervisorJob({ ...options, settings: parseSettings(settings) }) as { spec: { template: Made } }
    return job.spec.template
  }
  const resourcesOf = (settings: Record<string, unknown>): unknown => templateOf(settings).spec.containers[0]?.['resources']
  const given = { limits: { memory: '3Gi' } }
  const podTemplate = { spec: { containers: [{ name: 'worker', resources: given }] } }

  test('asks for a little and may not take all', () => {
    expect(resourcesOf({})).toEqual({ requests: { cpu: '100m', memory: '256Mi' }, limits: { cpu: '1', memory: '1Gi' } })
  })

  test('makes a pod with the labels of the template and of the settings, below our own', () => {
    const labels = { team: 'vision', tier: 'work', 'cowait.detached': 'mine' }
    expect(templateOf({ podTemplate: { metadata: { labels } }, podLabels: { tier: 'batch' } }).metadata['labels']).toEqual({
      team: 'vision',
      tier: 'batch',
      'app.kubernetes.io/managed-by': 'cowait',
      'cowait.detached': 'train-x7k2m9qd',
    })
  })

  test('has the resources that are set, else those of the template', () => {
    expect(resourcesOf({ supervisorResources: given })).toEqual(given)
    expect(resourcesOf({ podTemplate })).toEqual({ ...given, requests: {} })
    expect(resourcesOf({ podTemplate, supervisorResources: { requests: { cpu: 2 } } })).toEqual({ requests: { cpu: 2 } })
    expect(() => resourcesOf({ supervisorResources: { memory: '1Gi' } })).toThrow(/supervisorResources.*must be an object such as/)
  })
})

describe('a pod', () => {
  test('is what the level restricted wants, has no token, and belongs to the Job', () => {
    const { metadata, spec: pod } = made()
    expect(metadata.ownerReferences).toEqual([{ apiVersion: 'batch/v1', kind: 'Job', name: 'cowait-s1-abc', uid: 'u' }])
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      restartPolicy: 'Never',
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
    })
    expect(pod.containers).toHaveLength(1)
    expect(pod.containers[0]?.['securityContext']).toEqual({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    })
  })

  const readOnlyRoot = { spec: { containers: [{ name: 'worker', securityContext: { readOnlyRootFilesystem: true } }] } }

  test("starts without waiting for a volume, unless its root is read-only or /tmp is somebody's", () => {
    const volumesOf = ({ spec: pod }: Made): object => ({
      volumes: pod['volumes'],
      mounts: pod.containers[0]?.['volumeMounts'],
      pipe: ((pod.containers[0]?.['command'] ?? []) as string[]).find((word) => word.endsWith('/.out')),
    })
    expect(volumesOf(made())).toEqual({ volumes: [], mounts: [], pipe: '/tmp/.out' })
    const own = { name: 'cowait', emptyDir: {} }
    expect(volumesOf(made({}, { podTemplate: readOnlyRoot }))).toEqual({
      volumes: [own],
      mounts: [{ name: 'cowait', mountPath: '/tmp' }],
      pipe: '/tmp/.out',
    })
    const inside = { name: 'cowait', mountPath: '/tmp/.cowait' }
    expect(volumesOf(made({}, { podTemplate: readOnlyRoot, podVolumes: { '/tmp/': { claim: 'c' } } }))).toEqual({
      volumes: [{ name: 'p0', persistentVolumeClaim: { claimName: 'c' } }, own],
      mounts: [{ name: 'p0', mountPath: '/tmp/' }, inside],
      pipe: '/tmp/.cowait/.out',
    })
    const mountedByTemplate = {
      spec: {
        containers: [{ name: 'worker', volumeMounts: [{ name: 'mine', mountPath: '/tmp' }] }],
        volumes: [{ name: 'mine', emptyDir: {} }],
      },
    }
    expect(volumesOf(made({}, { podTemplate: mountedByTemplate }))).toMatchObject({ mounts: [{ name: 'mine' }, inside] })
  })

  test('is told by its run, and no two attempts share a name', () => {
    const { metadata } = made()
    expect(metadata.name).toMatch(/^train-x7k2m9qd-[0-9a-f]{8}$/)
    expect(made({ id: 'w2' }).metadata.name).not.toBe(metadata.name)
    expect(made({ name: 'a'.repeat(63) }).metadata.name.length).toBeLessThanOrEqual(63)
  })

  test('has tags as labels where they can be, else in an annotation', () => {
    const { metadata } = made({ labels: { team: 'blue', note: 'not a label!' } })
    expect(metadata['labels']).toMatchObject({ 'cowait.tag.team': 'blue', 'cowait.worker': 'w1', 'cowait.owner': 's1' })
    expect(JSON.parse(metadata['annotations']?.['cowait/tags'] ?? '')).toEqual({ note: 'not a label!' })
  })

  test('asks for what its task asks for', () => {
    const resources = { cpuMillis: 500, memoryRequest: 1 << 20, memoryLimit: 2 << 20, gpu: { count: 2 } }
    expect(made({ resources }).spec.containers[0]?.['resources']).toEqual({
      limits: { cpu: '500m', memory: '2097152', 'nvidia.com/gpu': '2' },
      requests: { cpu: '500m', memory: '1048576', 'nvidia.com/gpu': '2' },
    })
    const named = (kind: string): unknown => made({ resources: { gpu: { count: 1, kind } } }).spec.containers[0]?.['resources']
    expect(named('amd')).toMatchObject({ limits: { 'amd.com/gpu': '1' } })
    expect(named('example.com/chip')).toMatchObject({ limits: { 'example.com/chip': '1' } })
    expect(made({ resources }, { gpuResource: 'nvidia.com/mig-1g.5gb' }).spec.containers[0]?.['resources']).toMatchObject({
      limits: { 'nvidia.com/mig-1g.5gb': '2' },
    })
  })

  test('has claims, memory and what the settings name as its volumes', () => {
    const mounts = [
      { path: '/data', volume: 'data', readOnly: true },
      { path: '/tmp', tmpfsBytes: 1 << 20 },
    ]
    const { spec: pod } = made({ mounts }, { podVolumes: { '/etc/limits': { configMap: 'limits', readOnly: true } } })
    expect(pod['volumes']).toEqual([
      { name: 'v0', persistentVolumeClaim: { claimName: 'data', readOnly: true } },
      { name: 'v1', emptyDir: { medium: 'Memory', sizeLimit: '1048576' } },
      { name: 'p0', configMap: { name: 'limits' } },
      { name: 'cowait', emptyDir: {} },
    ])
    const paths = ((pod.containers[0]?.['volumeMounts'] ?? []) as { mountPath: string }[]).map(({ mountPath }) => mountPath)
    expect(paths).toEqual(['/data', '/tmp', '/etc/limits', '/tmp/.cowait'])
  })

  test('goes where the settings say, as whom they say', () => {
    const settings = {
      user: '2000:3000',
      serviceAccount: 'robot',
      imagePullSecrets: ['registry'],
      nodeSelector: { disk: 'ssd' },
      tolerations: [{ key: 'gpu', operator: 'Exists' }],
      priorityClass: 'low',
      affinity: 'stack',
      envFrom: [{ secret: 'api' }, { configMap: 'limits' }],
      pull: 'always',
    }
    const { spec: pod } = made({}, settings)
    expect(pod).toMatchObject({
      serviceAccountName: 'robot',
      automountServiceAccountToken: false,
      imagePullSecrets: [{ name: 'registry' }],
      nodeSelector: { disk: 'ssd' },
      tolerations: [{ key: 'gpu', operator: 'Exists' }],
      priorityClassName: 'low',
      securityContext: { runAsUser: 2000, runAsGroup: 3000, fsGroup: 3000 },
    })
    expect(JSON.stringify(pod['affinity'])).toContain('"cowait.owner":"s1"')
    expect(JSON.stringify(made({}, { affinity: 'spread' }).spec['topologySpreadConstraints'])).toContain('ScheduleAnyway')
    expect(pod.containers[0]).toMatchObject({
      imagePullPolicy: 'Always',
      envFrom: [{ secretRef: { name: 'api' } }, { configMapRef: { name: 'limits' } }],
    })
  })

  test('takes a template in, but for what makes it ours', () => {
    const podTemplate = {
      metadata: { labels: { team: 'blue', 'cowait.owner': 'other' }, annotations: { note: 'x' } },
      spec: {
        runtimeClassName: 'gvisor',
        restartPolicy: 'Always',
        containers: [
          { name: 'worker', command: ['true'], env: [{ name: 'TZ', value: 'Asia/Tokyo' }] },
          { name: 'proxy', image: 'proxy:1' },
        ],
      },
    }
    const { metadata, spec: pod } = made({}, { podTemplate })
    expect(metadata['labels']).toMatchObject({ team: 'blue', 'cowait.owner': 's1' })
    expect(pod).toMatchObject({ runtimeClassName: 'gvisor', restartPolicy: 'Never' })
    expect(pod.containers.map(({ name }) => name)).toEqual(['worker', 'proxy'])
    expect(((pod.containers[0]?.['command'] ?? []) as string[])[0]).toBe('sh')
    expect(pod.containers[0]?.['env']).toContainEqual({ name: 'TZ', value: 'Asia/Tokyo' })
    expect(pod.containers[0]?.['env']).toContainEqual({ name: 'TMPDIR', value: '/tmp' })
  })
})

describe('what cannot be', () => {
  test.each([
    [{ colour: 'red' }, /has no setting "colour"/],
    [{ podTemplate: { spec: { hostNetwork: true } } }, /podTemplate has "hostNetwork": true, but each pod needs a network of its own/],
    [{ namespace: 'Team A' }, /namespace is "Team A"/],
    [{ user: 'root' }, /user is "root", but must be a number/],
    [{ affinity: 'near' }, /spread or stack/],
    [{ podVolumes: { '/x': { nothing: 1 } } }, /claim, configMap/],
  ])('is refused with its name: %j', (settings, message) => {
    expect(() => parseSettings(settings)).toThrow(message)
    expect(() => parseSettings(settings)).toThrow(UsageError)
  })

  test.each([
    [{ mounts: [{ path: '/data', bind: '/home', readOnly: false }] }, {}, /which pods do not see/],
    [{ mounts: [{ path: 'data', volume: 'x', readOnly: false }] }, {}, /absolute path/],
    [{ mounts: [{ path: '/tmp/.cowait/x', volume: 'x', readOnly: false }] }, {}, /not free/],
    [{ ports: { 80: 8080 } }, {}, /opens port 80/],
    [{}, { podVolumes: { '/h': { hostPath: '/etc' } } }, /must be allowed/],
  ])('is refused before anything starts: %j %j', (over, settings, message) => {
    expect(() => checkSpec({ ...spec, ...over }, parseSettings(settings))).toThrow(message)
  })

  test('is possible where it is allowed', () => {
    const mounts = [{ path: '/data', bind: '/srv', readOnly: true }]
    expect(() => checkSpec({ ...spec, mounts }, { allowHostPath: true })).not.toThrow()
    expect(made({ mounts }, { allowHostPath: true }).spec['volumes']).toContainEqual({ name: 'v0', hostPath: { path: '/srv' } })
  })
})
