import { expect, test } from 'vitest'
import { Anchor, longLeaseSeconds } from '../../../src/engines/kubernetes/anchor.ts'
import { Refusals } from '../../../src/engines/kubernetes/refusals.ts'
import { broken, json, serveApi, type Answer } from './serve-api.ts'

const job = (name: string): Answer => json(201, { metadata: { name, uid: `uid-of-${name}` } })
const renewed = json(200, {})
const soon = { timeout: 20_000 }

async function anchored(...answers: Answer[]) {
  const { client, asked } = await serveApi(job('one'), ...answers)
  const anchor = new Anchor(client, { namespace: 'n', owner: 'o', refusals: new Refusals() })
  await anchor.ensure()
  return { anchor, renewals: (): number => asked.filter((one) => one.startsWith('PATCH')).length }
}

test('a lease is renewed again whatever was in the way, as long as the cluster does not say that the Job is gone', async () => {
  const faults: Record<string, Answer> = {
    'a login that is not accepted': json(401, { reason: 'Unauthorized', message: 'Unauthorized' }),
    'a right that is missing': json(403, { reason: 'Forbidden', message: 'no' }),
    "a proxy's page": (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>log in</html>'),
    "a proxy's page that says 404": (response) => void response.writeHead(404).end('<html>default backend</html>'),
    "a proxy's time-out": json(408, {}),
    'who writes at the same time': json(409, { reason: 'Conflict', message: 'the object has been modified' }),
    'a connection that breaks': broken,
  }
  await Promise.all(
    Object.entries(faults).map(async ([what, fault]) => {
      const { anchor, renewals } = await anchored(fault, fault, fault, renewed, renewed, renewed)
      await expect.poll(renewals, { ...soon, message: what }).toBe(5)
      expect(await anchor.ensure(), what).toMatchObject({ name: 'one' })
      await anchor.close()
    }),
  )
})

test('a Job that is gone, or another by now, is renewed no more, and the next start makes one', async () => {
  const answers: Answer[] = [
    json(404, { reason: 'NotFound', message: 'jobs.batch "one" not found' }),
    json(422, { reason: 'Invalid', message: 'Job.batch "one" is invalid: [metadata.uid: Invalid value: "x": field is immutable]' }),
    json(409, { reason: 'Conflict', message: 'Precondition failed: UID in precondition: x' }),
  ]
  await Promise.all(
    answers.map(async (answer) => {
      const { anchor, renewals } = await anchored(answer, job('two'), renewed)
      await expect.poll(renewals, soon).toBe(1)
      await expect.poll(async () => await anchor.ensure(), soon).toMatchObject({ name: 'two' })
      await anchor.close()
    }),
  )
})

test('the deadline is the lease from the time on at which it is asked for', async () => {
  const deadlines: number[] = []
  const read =
    (answer: Answer): Answer =>
    (response, request) => {
      let text = ''
      request.on('data', (chunk: Buffer) => (text += chunk.toString()))
      request.on('end', () => {
        deadlines.push((JSON.parse(text) as { spec: { activeDeadlineSeconds: number } }).spec.activeDeadlineSeconds)
        answer(response, request)
      })
    }
  const { client } = await serveApi(read(job('one')), read(renewed), read(renewed), read(renewed), renewed, renewed)
  const anchor = new Anchor(client, { namespace: 'n', owner: 'o', refusals: new Refusals(), leaseSeconds: longLeaseSeconds })
  await anchor.ensure()
  await expect.poll(() => deadlines.length, soon).toBe(4)
  // At once, then every two seconds.
  expect(deadlines.slice(0, 2)).toEqual([60, 61])
  expect(deadlines[3]).toBeGreaterThanOrEqual(64)
  await anchor.close()
})
