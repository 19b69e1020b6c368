import { expect, onTestFinished, test } from 'vitest'
import { Anchor } from '../../../src/engines/kubernetes/anchor.ts'
import { ConnectTurns } from '../../../src/engines/kubernetes/connect-turns.ts'
import { Keepers } from '../../../src/engines/kubernetes/keepers.ts'
import { PodWatch } from '../../../src/engines/kubernetes/pod-watch.ts'
import type { PodWorker } from '../../../src/engines/kubernetes/pod-worker.ts'
import { Refusals } from '../../../src/engines/kubernetes/refusals.ts'
import { startPod, type StartEnvironment } from '../../../src/engines/kubernetes/start-pod.ts'
import { Warnings } from '../../../src/engines/kubernetes/warnings.ts'
import { json, serveApi, type Answer } from './serve-api.ts'

const spec = {
  id: 'w1',
  owner: 's1',
  name: 'train-x7k2m9qd',
  code: { hash: 'h', path: '/tmp/code', cwd: '/tmp/code' },
  resources: {},
  mounts: [],
  ports: {},
  labels: {},
  settings: {},
  keep: true,
}

/** Where pods start, on an API server that gives these answers. */
async function environmentWith(...answers: Answer[]) {
  const { client, asked } = await serveApi(...answers)
  const refusals = new Refusals()
  const anchor = new Anchor(client, { namespace: 'n', owner: 's1', refusals })
  const pods = '/api/v1/namespaces/n/pods'
  const watch = new PodWatch({ client, path: pods, labelSelector: 'l', refusals, onPod: () => {}, onDeleted: () => {} })
  const forgotten: PodWorker[] = []
  const environment: StartEnvironment = {
    client,
    namespace: 'n',
    pods,
    settings: {},
    anchor,
    keepers: new Keepers(client, 'n'),
    watch,
    warnings: new Warnings(client, { namespace: 'n', kind: 'Pod' }),
    refusals,
    whyMissed: () => undefined,
    turns: new ConnectTurns(),
    direct: undefined,
    annotations: {},
    program: async () => Buffer.alloc(0),
    orphanGraceMs: 0,
    leftAt: () => -Infinity,
    remember: () => {},
    forget: (pod) => void forgotten.push(pod),
  }
  return { environment, asked, forgotten }
}

const archive = Promise.resolve({ program: '/tmp/worker.js', pieces: [], bytes: 0 })

test('a start that fails says why, and lets go of all that it can, also when something cannot be removed', async () => {
  const refused = json(403, { reason: 'Forbidden', message: 'pods "train" is forbidden: exceeded quota: small, used: cpu=4' })
  const stuck = json(403, { reason: 'Forbidden', message: 'the pod cannot be removed' })
  const api: Answer = (response, request) => {
    const { method, url = '' } = request
    const made = json(201, { metadata: { name: 'one', uid: 'u' } })
    if (url.includes('/pods')) {
      if (method === 'POST') return refused(response, request)
      if (method === 'DELETE') return stuck(response, request)
      if (url.includes('watch=true')) return response.writeHead(200).flushHeaders()
      return json(200, { metadata: { resourceVersion: '1' }, items: [] })(response, request)
    }
    return made(response, request)
  }
  const { environment, asked, forgotten } = await environmentWith(...Array.from({ length: 50 }, () => api))
  onTestFinished(async () => {
    await environment.watch.close()
    await environment.anchor.close()
  })
  const starting = startPod({ spec, archive, environment }, new AbortController().signal, () => {})
  await expect(starting).rejects.toThrow(/does not fit the quota/)
  const removed = new Set(asked.filter((one) => one.startsWith('DELETE')).map((one) => /(pods|jobs)\/train/.exec(one)?.[1]))
  expect(removed).toEqual(new Set(['jobs', 'pods']))
  expect(forgotten.map(({ isGone }) => isGone)).toEqual([true])
})

test('a start that is cancelled does not wait for an API server that does not answer', async () => {
  const silent: Answer = () => {}
  const { environment, asked } = await environmentWith(silent, silent, silent)
  const gone = new AbortController()
  const starting = startPod({ spec, archive, environment }, gone.signal, () => {})
  starting.catch(() => undefined)
  await expect.poll(() => asked.length).toBeGreaterThan(1)
  gone.abort(new Error('enough'))
  await expect(starting).rejects.toThrow('enough')
})
