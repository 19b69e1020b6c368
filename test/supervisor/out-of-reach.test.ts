import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openEngine } from '../../src/client/open-engine.ts'
import type { Engine } from '../../src/core/engine.ts'
import { openHost } from '../conformance/host.ts'
import { processesWith } from '../fixtures/process/lab.ts'

test('a worker that its engine cannot remove holds up nobody, and is told as left', { timeout: 30_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'cowait-reach-'))
  const engine = await openEngine('process', { owner: `reach${process.pid}`, directory })
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

  for (const worker of await engine.list({})) await engine.remove(worker.id, 0)
  await engine.close()
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
