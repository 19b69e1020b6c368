import { expect, test } from 'vitest'
import type { Engine, WorkerSpec } from '../../src/core/engine.ts'
import { createMemoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { serveInMemory } from '../../src/testing/serve-in-memory.ts'
import { openHost } from '../conformance/host.ts'

interface Started {
  readonly engine: string
  readonly spec: WorkerSpec
}

/** A memory engine that takes everything that may be asked of one with containers, and notes it. */
function notingEngine(engine: string, started: Started[]): Engine {
  const memory = createMemoryEngine({ serve: serveInMemory() })
  return {
    ...memory,
    check: () => undefined,
    start: async (spec, signal, onPhase) => {
      started.push({ engine, spec })
      return await memory.start(spec, signal, onPhase)
    },
  }
}

test('a child is started where its parent was and with what it had, not with as much of it', async () => {
  const started: Started[] = []
  await using host = await openHost({
    name: 'memory',
    isolated: false,
    options: { engine: 'memory', openEngine: async (name) => notingEngine(name, started) },
  })
  await host.output(
    'options:tower',
    { level: 3 },
    {
      image: 'acme/tasks:3',
      engine: 'other',
      volumes: { '/data': { bind: '/srv/data', readOnly: true } },
      tags: { team: 'search' },
      cpu: 2,
      memory: '1g',
      gpu: 1,
      ports: { 8080: 0 },
      timeout: '5m',
      retry: 2,
    },
  )
  const data = { path: '/data', bind: '/srv/data', readOnly: true }
  const seen = started.map(({ engine, spec: { name, image, mounts, resources, ports } }) => [
    name.replace(/-[a-z\d]{8}$/, ''),
    { engine, image, mounts, resources, ports },
  ])
  const inherited = { engine: 'other', image: 'acme/tasks:3', mounts: [data], resources: {}, ports: {} }
  expect(Object.fromEntries(seen)).toEqual({
    tower: {
      ...inherited,
      resources: { cpuMillis: 2_000, memoryRequest: 2 ** 30, memoryLimit: 2 ** 30, gpu: { count: 1 } },
      ports: { 8080: 0 },
    },
    'level-2': inherited,
    'level-1': inherited,
    'level-0': {
      ...inherited,
      image: 'acme/own:1',
      mounts: [data, { path: '/scratch', tmpfsBytes: 2 ** 20 }],
      resources: { cpuMillis: 1_000 },
    },
  })
  const tags = host.events.flatMap((event) => (event.type === 'created' ? [event.tags] : []))
  expect(tags).toEqual(Array.from({ length: 4 }, () => ({ team: 'search' })))
})
