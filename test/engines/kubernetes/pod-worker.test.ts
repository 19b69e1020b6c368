import { expect, test } from 'vitest'
import type { Pod } from '../../../src/engines/kubernetes/api-types.ts'
import { up, type PodExit } from '../../../src/engines/kubernetes/pod-frames.ts'
import { PodWorker } from '../../../src/engines/kubernetes/pod-worker.ts'

const evicted = {
  metadata: { name: 'slow-aaaa1111', deletionTimestamp: '2026-01-01T00:00:00Z' },
  status: { conditions: [{ type: 'DisruptionTarget', status: 'True', message: 'Eviction API: evicting' }] },
} as unknown as Pod

function told(exit: PodExit): PodWorker {
  const facts = { id: 'w1', name: 'slow-aaaa1111', memoryLimit: undefined, keep: false }
  const pod = new PodWorker(facts, () => {
    throw new Error('nothing is sent')
  })
  pod.receive(up.exit, Buffer.from(JSON.stringify(exit)))
  return pod
}

test('a pod that its cluster ended says so before its cluster says why', async () => {
  const pod = told({ code: null, signal: 'SIGTERM', wasTerminated: true })
  pod.hear(evicted)
  expect(await pod.worker.exited).toEqual({ how: 'removed', detail: 'its pod was evicted: Eviction API: evicting' })
})

test('where its cluster does not say why, the end itself counts', async () => {
  expect(await told({ code: null, signal: 'SIGTERM', wasTerminated: true }).worker.exited).toEqual({ how: 'killed', signal: 'SIGTERM' })
})

test('an end of its own waits for nobody', async () => {
  const pod = told({ code: 7, signal: null })
  pod.hear(evicted)
  expect(await pod.worker.exited).toEqual({ how: 'exited', code: 7 })
})
