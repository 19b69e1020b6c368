import { setTimeout as pause } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import type { EngineError } from '../../../src/core/errors.ts'
import type { ContainerStatus, Pod } from '../../../src/engines/kubernetes/api-types.ts'
import { StartJudge } from '../../../src/engines/kubernetes/start-judge.ts'

const about = { name: 'train', image: 'acme/train:2', namespace: 'team' }

function pod(state: NonNullable<ContainerStatus['state']>): Pod {
  return { metadata: { name: 'p' }, spec: { nodeName: 'n1' }, status: { containerStatuses: [{ name: 'worker', state }] } }
}

function judged(patienceMs: number) {
  const problems: EngineError[] = []
  const judge = new StartJudge({ about, patienceMs, fail: (problem) => problems.push(problem) })
  onTestFinished(() => judge.close())
  return { judge, problems }
}

const passing = [
  ['CreateContainerConfigError', 'failed to sync secret cache: timed out waiting for the condition'],
  ['CreateContainerConfigError', 'failed to sync configmap cache: timed out waiting for the condition'],
  ['CreateContainerError', 'context deadline exceeded'],
  ['RunContainerError', 'context deadline exceeded'],
  ['CreateContainerError', 'failed to reserve container name "worker_p_team_0": name "worker_p_team_0" is reserved for "4a7b"'],
  ['CreateContainerError', 'error reserving ctr name k8s_worker_p for id 4a7b: name is reserved'],
] as const

test.each(passing)('%s: %s: a start waits for another try of its node, and fails when that lasts', async (reason, message) => {
  const waiting = { waiting: { reason, message } }
  const { judge, problems } = judged(200)
  judge.hear(pod(waiting))
  judge.hear(pod(waiting))
  expect(problems).toEqual([])
  await expect.poll(() => problems).toHaveLength(1)
  expect(problems[0]?.message).toBe(`The container of train could not be made on node n1, again and again: ${message}`)
  expect(problems[0]?.hint).toContain('nodeSelector')
})

test('what passes fails nothing, and neither does what nobody waits for any more', async () => {
  const [reason, message] = passing[0]
  const [first, second] = [judged(100), judged(100)]
  for (const { judge } of [first, second]) judge.hear(pod({ waiting: { reason, message } }))
  first.judge.hear(pod({ running: {} }))
  second.judge.close()
  await pause(200)
  expect([...first.problems, ...second.problems]).toEqual([])
})

test.each([
  ['CreateContainerConfigError', 'secret "api" not found'],
  ['CreateContainerError', 'failed to generate spec: no such device /dev/none'],
])('%s: %s fails at once', (reason, message) => {
  const { judge, problems } = judged(60_000)
  judge.hear(pod({ waiting: { reason, message } }))
  expect(problems.map((problem) => problem.message)).toEqual([expect.stringContaining(message)])
})
