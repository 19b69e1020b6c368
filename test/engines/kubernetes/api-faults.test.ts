import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import type { ApiClient } from '../../../src/engines/kubernetes/api-client.ts'
import { ApiError } from '../../../src/engines/kubernetes/api-error.ts'
import { createPod } from '../../../src/engines/kubernetes/create-pod.ts'
import { PodWatch } from '../../../src/engines/kubernetes/pod-watch.ts'
import { Warnings } from '../../../src/engines/kubernetes/warnings.ts'
import { Refusals } from '../../../src/engines/kubernetes/refusals.ts'
import { broken, json, serveApi, type Answer } from './serve-api.ts'

test('a busy server is asked again when it says so, one that comes back as well', async () => {
  const { client, asked } = await serveApi(
    json(429, { message: 'slow down' }, { 'retry-after': '1' }),
    broken,
    json(503, { message: 'starting' }),
    json(200, { fine: true }),
  )
  const from = Date.now()
  expect(await client.call('GET', '/api')).toEqual({ fine: true })
  expect(Date.now() - from).toBeGreaterThan(700)
  expect(asked).toEqual(Array.from({ length: 4 }, () => 'GET /prefix/api'))
})

test('what cannot pass is not asked again, and patience ends', async () => {
  const busy = Array.from({ length: 50 }, () => json(503, { message: 'starting' }))
  const { client, asked } = await serveApi(json(403, { reason: 'Forbidden', message: 'no' }), ...busy)
  await expect(client.call('GET', '/api')).rejects.toMatchObject({ status: 403, reason: 'Forbidden', message: 'no' })
  expect(asked).toHaveLength(1)
  await expect(client.call('GET', '/api', { patienceMs: 500 })).rejects.toBeInstanceOf(ApiError)
})

test('a wait for a busy server can be given up', async () => {
  const { client } = await serveApi(json(429, {}, { 'retry-after': '30' }))
  const stop = new AbortController()
  const asking = client.call('GET', '/api', { signal: stop.signal, patienceMs: 60_000 })
  setTimeout(() => stop.abort(new Error('enough')), 50)
  await expect(asking).rejects.toThrow()
})

const pod = (name: string, resourceVersion: string): object => ({ metadata: { name, resourceVersion } })
const event = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`

function watchWith(client: ApiClient): { told: string[]; watch: PodWatch } {
  const told: string[] = []
  const watch = new PodWatch({
    client,
    path: '/pods',
    labelSelector: 'l',
    refusals: new Refusals(),
    onPod: ({ metadata }) => told.push(`+${metadata.name}`),
    onDeleted: ({ metadata }) => told.push(`-${metadata.name}`),
  })
  onTestFinished(() => void watch.close())
  return { told, watch }
}

test('a watch goes on where it was broken off, in the middle of a line too', async () => {
  const { client, asked } = await serveApi(
    json(200, { metadata: { resourceVersion: '5' }, items: [pod('a', '4')] }),
    (response) => {
      response.write(event('ADDED', pod('b', '6')) + event('BOOKMARK', pod('', '9')) + '{"type":"ADD')
      setTimeout(() => response.socket?.destroy(), 20)
    },
    (response) => void response.write(event('DELETED', pod('a', '10'))),
  )
  const { told, watch } = watchWith(client)
  await watch.open()
  await expect.poll(() => told).toEqual(['+a', '+b', '-a'])
  const versions = asked.map((one) => /resourceVersion=(\d+)/.exec(one)?.[1])
  expect(versions).toEqual([undefined, '5', '9'])
})

test('a version that the server has forgotten: a new list tells what was missed', async () => {
  const { client, asked } = await serveApi(
    json(200, { metadata: { resourceVersion: '5' }, items: [pod('a', '4'), pod('b', '5')] }),
    (response) => void response.end(event('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' })),
    json(200, { metadata: { resourceVersion: '90' }, items: [pod('b', '5'), pod('c', '80')] }),
    (response) => void response.write(event('DELETED', pod('c', '91'))),
  )
  const { told, watch } = watchWith(client)
  await watch.open()
  await expect.poll(() => told).toEqual(['+a', '+b', '-a', '+b', '+c', '-c'])
  expect(asked.filter((one) => one.includes('watch=true')).map((one) => /resourceVersion=(\d+)/.exec(one)?.[1])).toEqual(['5', '90'])
})

test('watches that end at once, or whose version is forgotten where no list is to be had, are asked for less and less often', async () => {
  const ends: Answer = (response) => void response.writeHead(200).end()
  const forgotten: Answer = (response) =>
    void response.end(event('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' }))
  const refused = json(403, { reason: 'Forbidden', message: 'no' })
  const listed = json(200, { metadata: { resourceVersion: '5' }, items: [] })
  const trials: Record<string, readonly Answer[]> = {
    'ended at once': [ends],
    'forgotten, and no list': [forgotten, refused],
    'forgotten again and again': [forgotten, listed],
  }
  await Promise.all(
    Object.entries(trials).map(async ([what, answers]) => {
      const { client, asked } = await serveApi(listed, ...Array.from({ length: 500 }, () => answers).flat())
      const { watch } = watchWith(client)
      await watch.open()
      await new Promise((resolve) => setTimeout(resolve, 1500))
      const watches = asked.filter((one) => one.includes('watch=true')).length
      // After 0.1, 0.2, 0.4 and 0.8 s, each a quarter more or less.
      expect(watches, what).toBeGreaterThanOrEqual(3)
      expect(watches, what).toBeLessThanOrEqual(6)
      const from = performance.now()
      await watch.close()
      expect(performance.now() - from, what).toBeLessThan(500)
    }),
  )
})

test('answers that go on for long hold up no call', async () => {
  const stays: Answer = (response) => response.writeHead(200).flushHeaders()
  const { client } = await serveApi(...Array.from({ length: 200 }, () => stays), json(200, { fine: true }))
  await Promise.all(Array.from({ length: 200 }, () => client.stream('/watch', {})))
  expect(await client.call('GET', '/api')).toEqual({ fine: true })
})

test.runIf(process.platform === 'linux')('an answer that goes on is probed, so that one whose server is gone ends', async () => {
  const { client } = await serveApi()
  const { socket } = await client.stream('/log', {})
  // The kernel's timer of the connection: 2 is that of the probes, then the hundredths of a second until it is due.
  const local = `:${(socket.localPort ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
  const line = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((one) => one.trim().split(/\s+/))
    .find(([, address]) => address?.endsWith(local))
  const [kind, due = ''] = line?.[5]?.split(':') ?? []
  expect(kind).toBe('02')
  expect(parseInt(due, 16)).toBeLessThanOrEqual(500)
})

test('an answer that stops in its middle is no answer', async () => {
  const { client } = await serveApi(
    (response) => void response.writeHead(200, { 'content-length': '100' }).write('{'),
    json(200, { fine: true }),
  )
  expect(await client.call('GET', '/api', { silenceMs: 200 })).toEqual({ fine: true })
})

test('what is urgent does not wait behind calls that are not answered', async () => {
  const silent: Answer = () => undefined
  const { client, asked } = await serveApi(...Array.from({ length: 64 }, () => silent), json(200, { fine: true }))
  const stop = new AbortController()
  const waiting = Array.from({ length: 100 }, () =>
    client.call('GET', '/slow', { signal: AbortSignal.any([stop.signal]) }).catch(() => 'given up'),
  )
  await expect.poll(() => asked).toHaveLength(64)
  expect(await client.call('GET', '/api', { isUrgent: true })).toEqual({ fine: true })
  stop.abort()
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(['given up']))
})

test('one watch tells the warnings of all that are waited for, and ends with them', async () => {
  const warned = (name: string, reason: string): string => event('ADDED', { reason, message: `of ${name}`, involvedObject: { name } })
  let watching: ServerResponse | undefined
  const { client, asked } = await serveApi((response) => {
    watching = response
    response.write(warned('0', 'FailedMount') + warned('other', 'BackOff'))
  })
  const warnings = new Warnings(client, { namespace: 'n', kind: 'Pod' })
  const told: string[] = []
  const stop = new AbortController()
  for (let i = 0; i < 200; i++) {
    warnings.follow(`${i}`, AbortSignal.any([stop.signal]), ({ reason, message }) => told.push(`${reason} ${message}`))
  }
  await expect.poll(() => told, { timeout: 10_000 }).toEqual(['FailedMount of 0'])
  watching!.write(warned('199', 'FailedCreatePodSandBox'))
  await expect.poll(() => told).toEqual(['FailedMount of 0', 'FailedCreatePodSandBox of 199'])
  expect(asked).toEqual(['GET /prefix/api/v1/namespaces/n/events?watch=true&fieldSelector=involvedObject.kind%3DPod%2Ctype%3DWarning'])
  const closed = once(watching!, 'close')
  stop.abort()
  await closed
})

const conflict = json(409, {
  reason: 'Conflict',
  message: 'Operation cannot be fulfilled on resourcequotas "q": the object has been modified',
})
const full = json(403, { reason: 'Forbidden', message: 'pods "p" is forbidden: exceeded quota: q, requested: pods=1, used: pods=3' })

test("a pod is asked for again when a quota's count was in the way, or has not heard yet that others went", async () => {
  const { client, asked } = await serveApi(conflict, full, conflict, full, json(201, {}))
  await createPod({ client, pods: '/pods', body: {}, leftAt: () => performance.now() }, AbortSignal.timeout(20_000))
  expect(asked).toHaveLength(5)
})

test('a quota that is full is told soon where no pod of ours has just gone', async () => {
  for (const leftAt of [-Infinity, performance.now() - 9500]) {
    const { client, asked } = await serveApi(...Array.from({ length: 50 }, () => full))
    const made = createPod({ client, pods: '/pods', body: {}, leftAt: () => leftAt }, AbortSignal.timeout(20_000))
    await expect(made).rejects.toThrow('exceeded quota')
    expect(asked.length).toBeGreaterThan(1)
  }
})

test('a pod that is there already was made by a try before', async () => {
  const { client, asked } = await serveApi(json(409, { reason: 'AlreadyExists', message: 'pods "p" already exists' }))
  await createPod({ client, pods: '/pods', body: {}, leftAt: () => -Infinity }, AbortSignal.timeout(20_000))
  expect(asked).toHaveLength(1)
})
