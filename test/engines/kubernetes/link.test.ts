import { expect, test } from 'vitest'
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
