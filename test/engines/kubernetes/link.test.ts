import { expect, test } from 'vitest'
import { down } from '../../../src/engines/kubernetes/pod-frames.ts'
import { startLocalPod } from './local-pod.ts'

const soon = { timeout: 20_000 }

test('a stream that breaks comes back past whatever the API server, or what stands before it, says meanwhile', async () => {
  await using pod = await startLocalPod({ isDirect: false })
  await pod.open()
  for (const status of [401, 403, 302, 408]) {
    Object.assign(pod.api.refusal, { status, count: 0 })
    pod.forwarded.at(-1)?.destroy()
    await expect.poll(() => pod.api.refusal.count, soon).toBeGreaterThan(1)
    pod.api.refusal.status = 0
    pod.say(`${status} `)
    await expect.poll(() => pod.received.channel, soon).toContain(`${status} `)
  }
  expect(pod.received.channel).toBe('401 403 302 408 ')
  expect(pod.lost).toEqual([])
})

test('what keeps a stream from coming back is told when the time for that is over', async () => {
  await using pod = await startLocalPod({ isDirect: false })
  await pod.open()
  pod.api.refusal.status = 403
  pod.forwarded.at(-1)?.destroy()
  await expect.poll(() => pod.lost, soon).toEqual([expect.stringMatching(/^the stream was closed.*: no$/)])
})

test('a supervisor that comes back after its pod has given it up is told why the worker ends', async () => {
  await using pod = await startLocalPod({ isDirect: false, worker: 'console.log(1); setInterval(() => {}, 1000)', orphanGraceMs: 2500 })
  await pod.open()
  await expect.poll(() => pod.received.output, soon).not.toBe('')
  pod.api.refusal.status = 503
  pod.forwarded.at(-1)?.destroy()
  await expect.poll(() => pod.log(), soon).toContain('the supervisor is gone')
  pod.api.refusal.status = 0
  await expect.poll(() => pod.link.session.isConnected, soon).toBe(true)
  expect(pod.received.exit).toBe('')
  pod.say('too late')
  await expect.poll(() => pod.received.exit, soon).not.toBe('')
  expect(JSON.parse(pod.received.exit)).toMatchObject({ signal: 'SIGKILL', wasOrphaned: true })
  await pod.ended
})

test('a worker that closes its channel and goes on is told of while it does', async () => {
  const worker = "require('fs').closeSync(3); console.log('lives'); setInterval(() => {}, 1000)"
  await using pod = await startLocalPod({ isDirect: false, worker })
  await pod.open()
  await expect.poll(() => pod.received, soon).toMatchObject({ output: 'lives\n', hasChannelEnded: true, exit: '' })
  pod.link.session.send(down.end, Buffer.from('{"graceMs":0}'))
  await pod.ended
})
