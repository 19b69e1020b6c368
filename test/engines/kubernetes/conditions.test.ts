import { describe, expect, test } from 'vitest'
import { EngineError } from '../../../src/core/errors.ts'
import { ApiError, startError } from '../../../src/engines/kubernetes/api-error.ts'
import type { ContainerStatus, Pod } from '../../../src/engines/kubernetes/api-types.ts'
import { exitOf, isOvertaken, startProblem, unscheduled, waitsOnNode } from '../../../src/engines/kubernetes/conditions.ts'
import { Pulls } from '../../../src/engines/kubernetes/pull-problem.ts'
import type { Cluster } from '../../../src/engines/kubernetes/kubeconfig.ts'

const about = { name: 'train', image: 'acme/train:2', namespace: 'team' }
const cluster: Cluster = { name: 'c', server: new URL('https://10.0.0.1'), insecure: false, namespace: 'team', user: {}, from: 'config' }

function pod(
  state: NonNullable<ContainerStatus['state']>,
  status: NonNullable<Pod['status']> = {},
  metadata: Partial<Pod['metadata']> = {},
): Pod {
  return {
    metadata: { name: 'p', ...metadata },
    spec: { nodeName: 'n1' },
    status: { containerStatuses: [{ name: 'worker', state }], ...status },
  }
}

function disrupted(reason: string, message: string, status = 'True'): NonNullable<Pod['status']> {
  return { conditions: [{ type: 'DisruptionTarget', status, reason, message }] }
}

describe('a pod that cannot start', () => {
  test.each([
    [
      { reason: 'ErrImagePull', message: 'failed to resolve reference: not found' },
      /Image "acme\/train:2" was not found/,
      /Correct "image"/,
    ],
    [{ reason: 'ErrImagePull', message: 'pull access denied, 401 Unauthorized' }, /may not be pulled/, /imagePullSecrets/],
    [{ reason: 'ImagePullBackOff', message: 'dial tcp: connection refused' }, /could not be pulled/, /reach its registry/],
    [{ reason: 'ErrImageNeverPull' }, /not on the node/, /missing/],
    [{ reason: 'InvalidImageName', message: 'bad' }, /no image's name/, /Correct/],
    [{ reason: 'CreateContainerConfigError', message: 'secret "api" not found' }, /could not be made.*secret "api"/, /Make what it names/],
  ])('says why and what to do: %j', (waiting, message, hint) => {
    const problem = startProblem(pod({ waiting }), about, new Pulls())
    expect(problem?.message).toMatch(message)
    expect(problem?.hint).toMatch(hint)
  })

  test.each([
    'pull QPS exceeded',
    'toomanyrequests: You have reached your unauthenticated pull rate limit',
    'unexpected status from HEAD request to https://r.test/v2/a/manifests/2: 429 Too Many Requests',
    'failed to authorize: failed to fetch anonymous token: unexpected status: 503 Service Unavailable',
    'failed to do request: Head "https://r.test/v2/": dial tcp 10.0.0.9:443: i/o timeout',
    'net/http: TLS handshake timeout',
  ])('may yet come where its image could not be pulled now: %s', (message) => {
    let now = 0
    const pulls = new Pulls(() => now)
    const hear = (reason: string, words: string): EngineError | undefined =>
      startProblem(pod({ waiting: { reason, message: words } }), about, pulls)
    expect(hear('ErrImagePull', message)).toBeUndefined()
    expect(hear('ImagePullBackOff', `Back-off pulling image "acme/train:2": ErrImagePull: ${message}`)).toBeUndefined()
    now = 12_000
    expect(hear('ErrImagePull', message)).toBeUndefined()
    expect(hear('ImagePullBackOff', 'Back-off pulling image "acme/train:2"')).toBeUndefined()
    now = 33_000
    const problem = hear('ErrImagePull', message)
    expect(problem?.message).toMatch(/could not be pulled, again and again/)
    expect(problem?.message).toContain(message)
  })

  test('is not read from the names in what a registry says', () => {
    const image = 'acme/401:404@sha256:404403'
    const problem = (message: string): string | undefined =>
      startProblem(pod({ waiting: { reason: 'ErrImagePull', message } }), { ...about, image }, new Pulls())?.message
    expect(problem(`failed to resolve "${image}" at https://r.test/v2/401/404: dial tcp: connection refused`)).toMatch(
      /could not be pulled \(/,
    )
    expect(problem('layer sha256:e401f404a403 is damaged: abc401def')).toMatch(/could not be pulled \(/)
    expect(problem('unexpected status from GET request to https://r.test/429: 403 Forbidden')).toMatch(/may not be pulled/)
    expect(problem(`${image}: not found`)).toMatch(/was not found/)
  })

  describe('for a container that comes before its worker', () => {
    const before = (state: NonNullable<ContainerStatus['state']>, phase = 'Pending'): Pod => ({
      metadata: { name: 'p' },
      spec: { nodeName: 'n1', initContainers: [{ name: 'setup', image: 'acme/setup:1' }] },
      status: {
        phase,
        initContainerStatuses: [{ name: 'setup', state }],
        containerStatuses: [
          { name: 'added', state: { waiting: { reason: 'PodInitializing' } } },
          { name: 'worker', state: { waiting: { reason: 'PodInitializing' } } },
        ],
      },
    })

    test.each([
      [{ reason: 'ErrImagePull', message: 'not found' }, /^Image "acme\/setup:1" of container "setup" was not found \(not found\)\.$/],
      [{ reason: 'ErrImagePull', message: 'connection refused' }, /^Image "acme\/setup:1" of container "setup" could not be pulled/],
      [
        { reason: 'ErrImageNeverPull' },
        /^Image "acme\/setup:1" of container "setup" is not on the node, and its "imagePullPolicy" is Never/,
      ],
      [{ reason: 'InvalidImageName', message: 'bad' }, /^"acme\/setup:1" is no image's name/],
      [
        { reason: 'CreateContainerConfigError', message: 'secret "api" not found' },
        /^Container "setup" of train could not be made.*secret "api"/,
      ],
    ])('with its name and its image: %j', (waiting, message) => {
      const state = before({ waiting })
      expect(startProblem(state, about, new Pulls())?.message).toMatch(message)
      expect(waitsOnNode(state)).toMatch(/^container "setup": /)
    })

    test('which failed', () => {
      const terminated = { exitCode: 3, reason: 'Error', message: 'no such table\n' }
      expect(startProblem(before({ terminated }, 'Failed'), about, new Pulls())?.message).toBe(
        'Container "setup" of train, which comes before its worker, failed: Error with exit code 3 (no such table).',
      )
    })

    test('not while it runs, nor when it is tried again', () => {
      for (const state of [before({ running: {} }), before({ terminated: { exitCode: 3 } })]) {
        expect(startProblem(state, about, new Pulls())).toBeUndefined()
      }
      expect(waitsOnNode(before({ running: {} }))).toBe('container "setup" comes before it')
    })
  })

  test('ended before it began', () => {
    const ended = (exitCode: number, reason: string, message = ''): string | undefined =>
      startProblem(pod({ terminated: { exitCode, reason, message } }), about, new Pulls())?.message
    expect(ended(127, 'Error')).toMatch(/has no program "node"/)
    expect(ended(128, 'StartError', 'exec: "sh": executable file not found in $PATH')).toMatch(/has no shell/)
    expect(ended(1, 'Error')).toMatch(/ended before its worker could be started: Error with exit code 1/)
  })

  test('ended with its node, or as its cluster wanted it to', () => {
    const problem = (state: Pod): string | undefined => startProblem(state, about, new Pulls())?.message
    const gone = disrupted('DeletionByPodGC', 'PodGC: node no longer exists')
    expect(problem(pod({}, { phase: 'Failed', ...gone }))).toMatch(/could be started: its node n1 is gone: PodGC: node no longer exists\.$/)
    const preempted = disrupted('PreemptionByScheduler', 'preempting')
    expect(problem(pod({}, preempted, { deletionTimestamp: 'now' }))).toMatch(/could be started: its pod was evicted: preempting\.$/)
    expect(problem(pod({}, preempted))).toBeUndefined()
    expect(problem(pod({}, {}, { deletionTimestamp: 'now' }))).toMatch(/was deleted before its worker could be started\.$/)
  })

  test('still may come while it waits for its container or for a node', () => {
    expect(startProblem(pod({ waiting: { reason: 'ContainerCreating' } }), about, new Pulls())).toBeUndefined()
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes are available' }]
    const waiting: Pod = { metadata: { name: 'p' }, status: { phase: 'Pending', conditions } }
    expect(startProblem(waiting, about, new Pulls())).toBeUndefined()
    expect(unscheduled(waiting)).toBe('0/3 nodes are available')
  })

  test('was overtaken by another on its node, and is tried again', () => {
    expect(isOvertaken(pod({}, { phase: 'Failed', reason: 'OutOfcpu' }))).toBe(true)
    expect(isOvertaken(pod({}, { phase: 'Failed', reason: 'Evicted' }))).toBe(false)
  })
})

describe('a worker that ended', () => {
  test.each([
    ['out of memory', pod({ terminated: { exitCode: 137, reason: 'OOMKilled' } }), { how: 'out-of-memory', detail: 'limit 64 MiB' }],
    ['by itself', pod({ terminated: { exitCode: 3, reason: 'Error' } }), { how: 'exited', code: 3 }],
    ['by a signal', pod({ terminated: { exitCode: 143, reason: 'Error' } }), { how: 'killed', signal: 'SIGTERM' }],
    [
      'evicted by its node',
      pod({}, { phase: 'Failed', reason: 'Evicted', message: 'low on memory' }),
      { how: 'removed', detail: /^its pod was evicted: low on memory$/ },
    ],
    [
      'evicted by somebody',
      pod({ running: {} }, disrupted('EvictionByEvictionAPI', 'Eviction API: evicting')),
      { how: 'removed', detail: /^its pod was evicted: Eviction API: evicting$/ },
    ],
    [
      'on a node that does not answer',
      pod({ running: {} }, disrupted('DeletionByTaintManager', 'Taint manager: deleting due to NoExecute taint'), {
        deletionTimestamp: 'now',
      }),
      { how: 'removed', detail: /^its pod was evicted, as its node n1 does not answer or was tainted: Taint manager: deleting/ },
    ],
    [
      'on a node that is no more',
      pod({ running: {} }, { phase: 'Failed', ...disrupted('DeletionByPodGC', 'PodGC: node no longer exists') }),
      { how: 'lost', detail: /^its node n1 is gone: PodGC: node no longer exists$/ },
    ],
    ['deleted', pod({ running: {} }, {}, { deletionTimestamp: 'now' }), { how: 'removed', detail: /deleted by somebody else/ }],
  ])('%s', (_name, state, { detail, ...exit }: { how: string; detail?: string | RegExp }) => {
    const found = exitOf(state, '64 MiB')
    expect(found).toMatchObject(exit)
    if (detail !== undefined) expect(found?.detail).toMatch(detail)
  })

  test('runs on', () => {
    expect(exitOf(pod({ running: {} }), undefined)).toBeUndefined()
    const silentNode = [{ type: 'Ready', status: 'False' }]
    expect(exitOf(pod({ running: {} }, { conditions: silentNode }), undefined)).toBeUndefined()
    expect(exitOf(pod({ running: {} }, disrupted('EvictionByEvictionAPI', 'it was not', 'False')), undefined)).toBeUndefined()
  })
})

describe('a cluster that refuses', () => {
  test.each([
    [
      403,
      'pods "p" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2',
      /does not fit the quota of namespace team: q, requested/,
    ],
    [
      403,
      'pods is forbidden: User "x" cannot create resource "pods" in API group "" in the namespace "team"',
      /^x may not create pods in namespace team\.$/,
    ],
    [
      403,
      'jobs.batch is forbidden: User "x" cannot patch resource "jobs" in API group "batch" in the namespace "team"',
      /may not patch jobs\.batch/,
    ],
    [
      403,
      'pods "p" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
      /does not allow such a pod: violates PodSecurity/,
    ],
    [404, 'namespaces "team" not found', /Namespace team does not exist/],
    [400, 'admission webhook "policy.example" denied the request: no', /rules do not admit/],
    [403, 'admission webhook "policy.example" denied the request: readOnlyRootFilesystem must be true', /rules do not admit/],
    [422, 'Pod "p" is invalid: spec.containers[0].image: Required value', /is not valid: spec\.containers/],
    [401, 'Unauthorized', /does not accept the credentials/],
  ])('%i: %s', (status, message, wanted) => {
    const error = startError(new ApiError(status, { message }), about, cluster) as EngineError
    expect(error).toBeInstanceOf(EngineError)
    expect(error.message).toMatch(wanted)
    expect(error.hint).toBeTruthy()
  })

  test('names the Job where it is the Job that was refused', () => {
    const message = 'admission webhook "policy.example" denied the request: no'
    const refused = new ApiError(400, { message }, { path: '/apis/batch/v1/namespaces/team/jobs' })
    expect(startError(refused, about, cluster)).toMatchObject({
      message: expect.stringContaining('do not admit the Job of '),
      hint: expect.stringContaining('"podLabels"'),
    })
  })
})
