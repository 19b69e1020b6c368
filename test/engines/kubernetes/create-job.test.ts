import { expect, test } from 'vitest'
import type { WorkerSpec } from '../../../src/core/engine.ts'
import type { Job } from '../../../src/engines/kubernetes/api-types.ts'
import { opensBy, supervisorJob } from '../../../src/engines/kubernetes/detached/supervisor-job.ts'
import { Keepers } from '../../../src/engines/kubernetes/keepers.ts'
import { broken, json, serveApi } from './serve-api.ts'

const taken = json(409, { reason: 'AlreadyExists', message: 'jobs.batch "sleep-1" already exists' })
const listed = (...names: string[]) =>
  json(200, { metadata: {}, items: names.map((name) => ({ metadata: { name, uid: `uid-of-${name}` } })) })
const spec = { id: 'w1', owner: 's1', name: 'sleep' } as WorkerSpec
const anchor = { name: 'cowait-s1', uid: 'u' }

test('a Job whose making was answered to nobody is found', async () => {
  const { client, asked } = await serveApi(broken, taken, listed('other', 'sleep-1'))
  expect(await new Keepers(client, 'n').make(spec, 'sleep-1', anchor)).toEqual({ name: 'sleep-1', uid: 'uid-of-sleep-1' })
  expect(asked.at(-1)).toBe('GET /prefix/apis/batch/v1/namespaces/n/jobs?labelSelector=cowait.owner%3Ds1%2Ccowait.worker%3Dw1')
})

test("somebody else's Job of that name is not taken for ours", async () => {
  const { client } = await serveApi(taken, listed('other'))
  await expect(new Keepers(client, 'n').make(spec, 'sleep-1', anchor)).rejects.toMatchObject({ reason: 'AlreadyExists' })
})

test("a supervisor's Job is ours when it opens to our token", () => {
  const job = supervisorJob({ run: 'r', task: 't', account: 'a', settings: {}, hash: 'abc' }) as Job
  expect([opensBy(job, 'abc'), opensBy(job, 'abd'), opensBy({ metadata: { name: 'r' } }, 'abc')]).toEqual([true, false, false])
})
