import { expect, test } from 'vitest'
import { ControlClient } from '../../src/cli/control/control-client.ts'
import { cancelLiving, type LivingRun } from '../../src/cli/control/living-runs.ts'
import { memoryPair } from '../../src/engines/memory/memory-pair.ts'
import { MAX_HEADER_BYTES } from '../../src/protocol/frames.ts'
import { Client, type ClientContext } from '../../src/supervisor/client.ts'
import type { RunRecord } from '../../src/supervisor/tree-messages.ts'

/** What a client needs to list runs. */
function listing(names: readonly string[]): ClientContext {
  const runs = new Map(
    names.map((name, n) => {
      const run = { id: `run-${n}`, parent: null, name, task: { module: 'm', export: 't' }, engine: 'process', attempt: 1, createdAt: n }
      return [run.id, { ...run, status: 'waiting' } as unknown as RunRecord]
    }),
  )
  return { runs, subscribe: () => () => undefined } as Partial<ClientContext> as ClientContext
}

test.each([
  ['none', []],
  ['one', ['a']],
  ['thousands', Array.from({ length: 30_000 }, (_, n) => `a run of a test ${n}`)],
  ['long names of wide characters', Array.from({ length: 40 }, () => '日'.repeat(200_000))],
])('a client lists all runs, also when a frame cannot hold them: %s', async (_, names) => {
  const [one, other] = memoryPair()
  const supervised = new Client(other, listing(names))
  const sizes: number[] = []
  const push = one.push.bind(one)
  let line = 0
  one.push = (chunk: Uint8Array | null) => {
    for (let at = 0; chunk && at < chunk.length;) {
      const end = chunk.indexOf(0x0a, at)
      line += (end < 0 ? chunk.length : end + 1) - at
      at = end < 0 ? chunk.length : end + 1
      if (end >= 0) sizes.push(line)
      if (end >= 0) line = 0
    }
    return push(chunk)
  }
  {
    await using client = await ControlClient.open(one, 10_000)
    for (let times = 0; times < 2; times++) {
      const runs = await client.list()
      expect(runs.map(({ name }) => name)).toEqual(names)
      expect(new Set(runs.map(({ id }) => id)).size).toBe(names.length)
    }
  }
  expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX_HEADER_BYTES)
  expect(await supervised.ended).toMatchObject({ message: 'its client has left' })
})

test('cancelling a run that went after it was listed does not wait for the end of its supervisor', async () => {
  const [one, other] = memoryPair()
  const cancelled: string[] = []
  const calls = { cancel: (id: string) => void cancelled.push(id) } as never
  const supervised = new Client(other, { ...listing(['a']), calls })
  {
    await using client = await ControlClient.open(one, 10_000)
    await cancelLiving({ id: 'gone-before', client } as LivingRun, false)
    expect(cancelled).toEqual(['gone-before'])
  }
  await supervised.ended
})
