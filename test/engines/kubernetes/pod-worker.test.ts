import { expect, test } from 'vitest'
import type { Pod } from '../../../src/engines/kubernetes/api-types.ts'
import type { Link } from '../../../src/engines/kubernetes/link.ts'
import { down, up, type PodExit } from '../../../src/engines/kubernetes/pod-frames.ts'
import { PodWorker } from '../../../src/engines/kubernetes/pod-worker.ts'
import { Session } from '../../../src/engines/kubernetes/session.ts'

const evicted = {
  metadata: { name: 'slow-aaaa1111', deletionTimestamp: '2026-01-01T00:00:00Z' },
  status: { conditions: [{ type: 'DisruptionTarget', status: 'True', message: 'Eviction API: evicting' }] },
} as unknown as Pod

const facts = { id: 'w1', name: 'slow-aaaa1111', memoryLimit: undefined, keep: false }

function running(): PodWorker {
  return new PodWorker(facts, () => {
    throw new Error('nothing is sent')
  })
}

function told(exit: PodExit): PodWorker {
  const pod = running()
  pod.receive(up.exit, Buffer.from(JSON.stringify(exit)))
  return pod
}

test('a pod that its cluster ended says so before its cluster says why', async () => {
  const pod = told({ code: null, signal: 'SIGTERM', wasTerminated: true })
  pod.hear(evicted)
  expect(await pod.worker.exited).toEqual({ how: 'removed', detail: 'its pod was evicted: Eviction API: evicting' })
})

test('a pod that is deleted with its node, of which its cluster said so just before, is lost with that', async () => {
  const pod = running()
  const gone = { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' }
  pod.hear({ metadata: { name: 'p' }, spec: { nodeName: 'n1' }, status: { phase: 'Failed', conditions: [gone] } })
  pod.markDeleted()
  expect(await pod.worker.exited).toEqual({ how: 'lost', detail: 'its node n1 is gone: PodGC: node no longer exists' })
})

test('a pod that nobody reaches any more is lost with the name of its node', async () => {
  const pod = running()
  pod.hear({ metadata: { name: 'p' }, spec: { nodeName: 'n1' }, status: { phase: 'Running' } })
  await pod.lose('it fell silent')
  const detail = 'the connection to its pod broke: it fell silent; its node n1, or the way to it, does not answer'
  expect(await pod.worker.exited).toEqual({ how: 'lost', detail })
})

test('where its cluster does not say why, the end itself counts', async () => {
  expect(await told({ code: null, signal: 'SIGTERM', wasTerminated: true }).worker.exited).toEqual({ how: 'killed', signal: 'SIGTERM' })
})

test('an end of its own waits for nobody', async () => {
  const pod = told({ code: 7, signal: null })
  pod.hear(evicted)
  expect(await pod.worker.exited).toEqual({ how: 'exited', code: 7 })
})

test('code of any size goes on when the pod has taken it before it was known to have left', async () => {
  const sent = { bytes: 0, archive: 0 }
  const quiet = { onFrame: () => undefined, onBroken: () => undefined, beatMs: 60_000, silenceMs: 60_000 }
  const session = new Session({ ...quiet, onRoom: () => pod.hasRoom() })
  const pod: PodWorker = new PodWorker(facts, () => ({ session }) as unknown as Link)
  const received = (bytes: number): Buffer => {
    const frame = Buffer.from([251, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0])
    frame.writeUIntBE(bytes, 5, 6)
    return frame
  }
  session.attach(
    {
      write: (bytes, onWritten) => {
        if ((bytes[0] ?? 0) >= 250) return
        sent.bytes += bytes.length
        if (bytes[0] === down.archive) sent.archive += bytes.length - 5
        setImmediate(() => {
          if (!session.hasRoom) session.take(received(sent.bytes))
          onWritten?.()
        })
      },
      destroy: () => undefined,
    },
    true,
  )
  await pod.deliver(
    { argv: ['node'], cwd: '/', orphanGraceMs: 0 },
    Array.from({ length: 50 }, () => Buffer.alloc(64 << 10)),
  )
  expect(sent.archive).toBe(50 * (64 << 10))
  session.detach()
})

test('an end for want of a supervisor is told as such', async () => {
  expect(await told({ code: null, signal: 'SIGKILL', wasOrphaned: true }).worker.exited).toMatchObject({
    how: 'lost',
    detail: expect.stringContaining('its supervisor') as string,
  })
})

test('that it is being deleted, or out of reach, ends the run but not the worker', async () => {
  const deleted = running()
  deleted.hear(evicted)
  expect(await deleted.worker.exited).toMatchObject({ how: 'removed' })
  const lost = running()
  await lost.lose('it fell silent')
  expect(await lost.worker.exited).toMatchObject({ how: 'lost' })
  expect([deleted.isOver, lost.isOver]).toEqual([false, false])
  // Its own word, or its container's state.
  deleted.receive(up.exit, Buffer.from(JSON.stringify({ code: null, signal: 'SIGKILL' })))
  lost.expectRemoval()
  lost.hear({ metadata: { name: 'p' }, status: { containerStatuses: [{ name: 'worker', state: { terminated: { exitCode: 137 } } }] } })
  await Promise.all([deleted.over, lost.over])
  expect([deleted.isOver, lost.isOver]).toEqual([true, true])
})
