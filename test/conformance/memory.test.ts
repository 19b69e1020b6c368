import { createMemoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { serveInMemory } from '../../src/testing/serve-in-memory.ts'
import { borders } from './border-suite.ts'
import { concurrency } from './concurrency-suite.ts'
import type { ConformanceEngine } from './host.ts'
import { language } from './language-suite.ts'
import { options } from './options-suite.ts'
import { conformance } from './suite.ts'

const engine: ConformanceEngine = {
  name: 'memory',
  isolated: false,
  options: { engine: 'memory', openEngine: async () => createMemoryEngine({ serve: serveInMemory() }) },
}

conformance(engine)
concurrency(engine)
language(engine)
borders(engine)
options(engine)
