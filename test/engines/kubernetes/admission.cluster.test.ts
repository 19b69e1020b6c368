import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findCluster } from '../../../src/engines/kubernetes/kubeconfig.ts'
import { openHost } from '../../conformance/host.ts'
import { hasKubernetes } from './available.ts'
import { api, until } from './namespace.ts'

const isThere = await hasKubernetes()
const namespace = isThere ? (await findCluster(undefined, process.env)).namespace : ''
const admission = '/apis/admissionregistration.k8s.io/v1'
const name = `${namespace}-rules`

/** What rules for pods often ask for, asked of Jobs too. */
const policy = {
  metadata: { name },
  spec: {
    failurePolicy: 'Fail',
    matchConstraints: {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
      resourceRules: [
        { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] },
        { apiGroups: ['batch'], apiVersions: ['v1'], resources: ['jobs'], operations: ['CREATE'] },
      ],
    },
    variables: [{ name: 'pod', expression: "object.kind == 'Job' ? object.spec.template : object" }],
    validations: [
      { expression: "has(variables.pod.metadata.labels) && 'team' in variables.pod.metadata.labels", message: 'name your team' },
      { expression: "variables.pod.spec.containers.all(one, one.image.startsWith('node:'))", message: 'images come from our registry' },
      {
        expression: 'variables.pod.spec.containers.all(one, has(one.resources.limits) && "memory" in one.resources.limits)',
        message: 'limit your memory',
      },
      {
        expression: 'variables.pod.spec.containers.all(one, one.securityContext.?readOnlyRootFilesystem.orValue(false))',
        message: 'make the root read-only',
      },
    ],
  },
}

describe.runIf(isThere)('a namespace whose rules for pods hold for Jobs too', () => {
  beforeAll(async () => {
    await api('POST', `${admission}/validatingadmissionpolicies`, policy)
    const spec = { policyName: name, validationActions: ['Deny'] }
    await api('POST', `${admission}/validatingadmissionpolicybindings`, { metadata: { name }, spec })
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'one', image: 'node:24-slim' }] } }
    const job = { metadata: { name: 'bare' }, spec: { template } }
    const isRefused = (error: Error): boolean => error.message.includes('name your team')
    const trial = `/apis/batch/v1/namespaces/${namespace}/jobs?dryRun=All`
    await until('the rules hold', () => api('POST', trial, job).then(() => false, isRefused))
  })
  afterAll(async () => {
    await api('DELETE', `${admission}/validatingadmissionpolicybindings/${name}`)
    await api('DELETE', `${admission}/validatingadmissionpolicies/${name}`)
  })

  const settle = async (settings: Readonly<Record<string, unknown>>, keepFailed = false) => {
    await using host = await openHost(
      { name: 'kubernetes', isolated: true, options: { engine: 'kubernetes', engineSettings: settings } },
      { keepFailed },
    )
    return await host.settle('calls:nothing', {}, { memory: '128m' })
  }

  test('is met by what is set for pods, which the Jobs that own them have too', async () => {
    const containers = [{ name: 'worker', securityContext: { readOnlyRootFilesystem: true } }]
    const settings = { podLabels: { team: 'vision' }, podTemplate: { spec: { containers } } }
    expect(await settle(settings)).toMatchObject({ status: 'done' })
    expect(await settle(settings, true)).toMatchObject({ status: 'done' })
  })

  test('says that it is the Job that it refuses, and what shapes it', async () => {
    expect(await settle({})).toMatchObject({
      status: 'failed',
      error: {
        code: 'ENGINE',
        message: expect.stringMatching(/do not admit the Job of nothing-\w+: .*name your team.*podTemplate/) as string,
      },
    })
  })
})
