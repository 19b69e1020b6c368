import { expect, test } from 'vitest'
import { idleJob } from '../../../src/engines/kubernetes/idle-job.ts'
import { parseSettings } from '../../../src/engines/kubernetes/settings.ts'

interface Made {
  readonly metadata: { readonly labels: object; readonly annotations: object }
  readonly spec: Record<string, unknown> & { readonly containers: Record<string, unknown>[] }
}

function templateOf(settings: Record<string, unknown>): Made {
  const job = idleJob({ metadata: { name: 'j' }, settings: parseSettings(settings) })
  // As it is sent.
  return (JSON.parse(JSON.stringify(job)) as { spec: { template: Made } }).spec.template
}

test('a Job without a pod has what is set for pods, and nothing by which they are found', () => {
  const { metadata, spec } = templateOf({
    image: 'registry.test/node:24',
    imagePullSecrets: ['registry'],
    podLabels: { team: 'vision' },
    podAnnotations: { cost: '17' },
    envFrom: [{ secret: 'api' }],
    podVolumes: { '/data': { claim: 'data' } },
    podTemplate: {
      metadata: { labels: { tier: 'work' } },
      spec: {
        containers: [
          { name: 'worker', securityContext: { readOnlyRootFilesystem: true } },
          { name: 'proxy', image: 'registry.test/proxy' },
        ],
      },
    },
  })
  expect(metadata).toEqual({
    labels: { team: 'vision', tier: 'work', 'app.kubernetes.io/managed-by': 'cowait' },
    annotations: { cost: '17' },
  })
  expect(spec).toMatchObject({ restartPolicy: 'Never', imagePullSecrets: [{ name: 'registry' }], securityContext: { runAsNonRoot: true } })
  expect(spec.containers).toMatchObject([
    {
      name: 'worker',
      image: 'registry.test/node:24',
      resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { cpu: '10m', memory: '16Mi' } },
      securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
    },
    { name: 'proxy', image: 'registry.test/proxy' },
  ])
  expect(JSON.stringify(spec)).not.toMatch(/"command"|secretRef|claim/)
})

test('no request of it is above its limit, whichever of the two a template has', () => {
  const resourcesOf = (resources: object): unknown =>
    templateOf({ podTemplate: { spec: { containers: [{ name: 'worker', resources }] } } }).spec.containers[0]?.['resources']
  expect(resourcesOf({ requests: { cpu: '2' }, limits: { memory: '8Mi' } })).toEqual({
    requests: { cpu: '2', memory: '8Mi' },
    limits: { cpu: '2', memory: '8Mi' },
  })
})
