import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { openEngine } from '../../src/client/open-engine.ts'
import type { Engine } from '../../src/core/engine.ts'
import { openHost } from '../conformance/host.ts'
import { processesWith } from '../fixtures/process/lab.ts'

test('a worker that its engine cannot remove holds up nobody, and is told as left', { timeout: 30_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'cowait-reach-'))
  const owner = `reach${process.pid}`
  const engine = await openEngine('process', { owner, directory })
  const ill: Partial<Engine> = {
    remove: () => Promise.reject(new Error('the engine is ill')),
    list: () => new Promise(() => undefined),
  }
  const host = await openHost({
    name: 'ill',
    isolated: true,
    options: { engine: 'process', openEngine: async () => overridden(engine, ill) },
  })
  const run = host.start('ending:busy')
  await host.event('running', (event) => event.run === run.id)
  run.kill()
  expect(await run.settled).toMatchObject({ status: 'cancelled' })
  expect(host.events).toContainEqual(
    expect.objectContaining({ type: 'notice', text: expect.stringContaining('could not be removed: the engine is ill. "cowait prune"') }),
  )
  expect(await host.supervisor.close()).toEqual({ left: [run.id], kept: [] })

  for (const worker of await engine.list({ owner })) await engine.remove(worker.id, 0)
  await engine.close()
  expect(processesWith(directory)).toEqual([])
  rmSync(directory, { recursive: true })
})

test('a start that its engine does not give up holds up nobody, and what comes of it goes', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'cowait-reach-'))
  const engine = await openEngine('process', { owner: `stuck${process.pid}`, directory })
  let goOn!: () => void
  const held = new Promise<void>((resolve) => (goOn = resolve))
  const removed: string[] = []
  const ill: Partial<Engine> = {
    start: async (spec, _, report) => {
      await held
      return await engine.start(spec, new AbortController().signal, report)
    },
    remove: async (id, graceMs) => {
      await engine.remove(id, graceMs)
      removed.push(id)
    },
  }
  const host = await openHost({
    name: 'stuck',
    isolated: true,
    options: { engine: 'process', openEngine: async () => overridden(engine, ill) },
  })
  const run = host.start('ending:busy')
  await host.event('starting', (event) => event.run === run.id)
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  run.kill()
  await vi.advanceTimersByTimeAsync(20_000)
  vi.useRealTimers()
  expect(await run.settled).toMatchObject({ status: 'cancelled' })
  expect(host.events).toContainEqual(
    expect.objectContaining({ type: 'notice', text: expect.stringContaining('could not be removed: its start has not ended after 20 s') }),
  )

  goOn()
  await vi.waitFor(() => expect(removed).toHaveLength(1), 10_000)
  expect(await host.supervisor.close()).toEqual({ left: [], kept: [] })
  expect(processesWith(directory)).toEqual([])
  rmSync(directory, { recursive: true })
})

function overridden(engine: Engine, by: Partial<Engine>): Engine {
  return new Proxy(engine, {
    get: (target, key) => {
      const value: unknown = Reflect.get(by, key) ?? Reflect.get(target, key)
      return typeof value === 'function' && !Reflect.has(by, key) ? value.bind(target) : value
    },
  })
}
