import { expect, onTestFinished, test } from 'vitest'
import { Anchor } from '../../../src/engines/kubernetes/anchor.ts'
import { ApiError } from '../../../src/engines/kubernetes/api-error.ts'
import { PodWatch } from '../../../src/engines/kubernetes/pod-watch.ts'
import { Refusals } from '../../../src/engines/kubernetes/refusals.ts'
import { json, serveApi, type Answer } from './serve-api.ts'

const forbidden = new ApiError(403, { reason: 'Forbidden', message: 'may not' })
const unknown = new ApiError(401, { reason: 'Unauthorized', message: 'Unauthorized' })

function followed(refusals: Refusals): unknown[] {
  const told: unknown[] = []
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  refusals.follow(stop.signal, (error) => told.push(error))
  return told
}

test.each([forbidden, unknown])('what is refused twice in a row is told, also to who asks later, until it is allowed: %s', (error) => {
  const refusals = new Refusals()
  const early = followed(refusals)
  refusals.hear('watch', error)
  refusals.hear('lease', error)
  expect(early).toEqual([])
  refusals.hear('watch', new Error('a connection that broke'))
  refusals.hear('watch', error)
  expect(early).toEqual([error])
  expect(followed(refusals)).toEqual([error])
  refusals.hear('watch', undefined)
  expect(followed(refusals)).toEqual([])
  refusals.hear('watch', error)
  expect(followed(refusals)).toEqual([])
})

test("a proxy's answer, and a server that is busy, refuse nothing", () => {
  const refusals = new Refusals()
  const told = followed(refusals)
  for (const error of [new ApiError(403, { message: '<html>' }), new ApiError(503, { reason: 'Forbidden' }), new Error('broken')]) {
    for (let i = 0; i < 5; i++) refusals.hear('lease', error)
  }
  expect(told).toEqual([])
})

const refused = Array.from({ length: 20 }, (): Answer => json(403, { reason: 'Forbidden', message: 'may not' }))

test('a watch says what refuses it', async () => {
  const refusals = new Refusals()
  const told = followed(refusals)
  const { client } = await serveApi(json(200, { metadata: { resourceVersion: '5' }, items: [] }), ...refused)
  const watch = new PodWatch({ client, path: '/pods', labelSelector: 'l', refusals, onPod: () => {}, onDeleted: () => {} })
  onTestFinished(() => void watch.close())
  await watch.open()
  await expect.poll(() => told[0]).toMatchObject({ status: 403, message: 'may not' })
})

test('a lease says what refuses it, and what it was missed for', async () => {
  const refusals = new Refusals()
  const told = followed(refusals)
  const { client } = await serveApi(json(201, { metadata: { name: 'one', uid: 'u' } }), ...refused)
  const anchor = new Anchor(client, { namespace: 'n', owner: 'o', refusals })
  onTestFinished(() => void anchor.close())
  await anchor.ensure()
  await expect.poll(() => told[0]).toMatchObject({ status: 403, message: 'may not' })
  expect(anchor.missed).toBeUndefined()
  await expect.poll(() => anchor.missed, { timeout: 12_000 }).toMatchObject({ message: 'may not' })
})
