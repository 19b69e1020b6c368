import { expect, test } from 'vitest'
import { Remainder } from '../../../src/engines/kubernetes/detached/remainder.ts'
import { json, serveApi, type Answer } from './serve-api.ts'

const jobs = '/jobs'
const pods = '/pods'
/** The Job of the run, the one that its supervisor made, and one of somebody else. */
const made: Answer = (response, request) => {
  const isOwn = decodeURIComponent(request.url ?? '').includes('cowait.detached=r')
  const theirs = [
    { metadata: { name: 'a', labels: { 'cowait.owner': 's1' }, ownerReferences: [{ name: 'r', uid: 'u' }] } },
    { metadata: { name: 'b', labels: { 'cowait.owner': 's2' }, ownerReferences: [{ name: 'q', uid: 'v' }] } },
  ]
  json(200, { items: isOwn ? [{ metadata: { name: 'r', uid: 'u' } }] : theirs })(response, request)
}
const none = json(200, { items: [] })
const one = json(200, { items: [{ metadata: { name: 'p' } }] })

test('a tree is gone when neither its Job and pod nor what its supervisor made is left', async () => {
  const { client, asked } = await serveApi(made, made, none, none, one, none, none, none, none, none)
  const signal = new AbortController().signal
  const left = await Remainder.of('r', { client, pods, jobs, signal })
  expect(await left.gone()).toBe(true)
  const looked = asked.slice(2).map((text) => decodeURIComponent(text))
  expect(looked).toHaveLength(8)
  expect(new Set(looked)).toEqual(
    new Set(
      ['cowait.detached=r', 'cowait.owner=s1'].flatMap((selector) =>
        ['pods', 'jobs'].map((kind) => `GET /prefix/${kind}?labelSelector=${selector}`),
      ),
    ),
  )
})

test('one that is not gone in time is not said to be', async () => {
  const stop = new AbortController()
  const { client } = await serveApi(made, made, one, one, (response, request) => {
    stop.abort()
    one(response, request)
  })
  const left = await Remainder.of('r', { client, pods, jobs, signal: stop.signal })
  expect(await left.gone()).toBe(false)
})
