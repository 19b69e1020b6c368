import { expect, test } from 'vitest'
import type { Engine, WorkerSpec } from '../../src/core/engine.ts'
import { createMemoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { serveInMemory } from '../../src/testing/serve-in-memory.ts'
import { openHost } from '../conformance/host.ts'

/** An engine that can do everything, and notes what it is asked for. */
function recording(specs: WorkerSpec[]): Engine {
  const engine = createMemoryEngine({ serve: serveInMemory() })
  return {
    ...engine,
    check: () => undefined,
    start: (spec, signal, report) => {
      specs.push(spec)
      return engine.start(spec, signal, report)
    },
  }
}

test('an engine is asked to give children the image, the volumes and the tags of their parent, and none of its resources and ports', async () => {
  const specs: WorkerSpec[] = []
  const opened: string[] = []
  await using host = await openHost({
    name: 'recording',
    isolated: false,
    options: {
      engine: 'memory',
      openEngine: async (name) => {
        opened.push(name)
        return recording(specs)
      },
    },
  })
  await host.output(
    'options:callsShows',
    {},
    {
      engine: 'elsewhere',
      image: 'parent:1',
      volumes: { '/data': { bind: '/srv/data' } },
      tags: { of: 'parent' },
      cpu: 2,
      memory: '1g',
      gpu: 1,
      ports: [8080],
    },
  )
  expect(opened).toContain('elsewhere')
  const [parent, ...children] = specs
  expect(parent).toMatchObject({
    image: 'parent:1',
    ports: { 8080: 8080 },
    resources: { cpuMillis: 2_000, memoryLimit: 2 ** 30, gpu: { count: 1 } },
  })
  expect(children).toHaveLength(4)
  for (const child of children) {
    expect(child).toMatchObject({ image: 'parent:1', mounts: parent?.mounts, resources: {}, ports: {} })
    expect(child.resources).toEqual({})
  }
  expect(parent?.mounts).toHaveLength(1)
  expect(children.find(({ name }) => name.startsWith('inherited'))?.labels).toEqual(parent?.labels)
})
