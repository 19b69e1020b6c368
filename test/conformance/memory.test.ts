import { createMemoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { serveInMemory } from '../../src/testing/serve-in-memory.ts'
import { conformance } from './suite.ts'

conformance({
  name: 'memory',
  isolated: false,
  options: { engine: 'memory', openEngine: async () => createMemoryEngine({ serve: serveInMemory() }) },
})
