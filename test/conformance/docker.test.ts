import { describe } from 'vitest'
import { hasDocker } from '../engines/docker/available.ts'
import { borders } from './border-suite.ts'
import { concurrency } from './concurrency-suite.ts'
import type { ConformanceEngine } from './host.ts'
import { language } from './language-suite.ts'
import { options } from './options-suite.ts'
import { conformance } from './suite.ts'

const engine: ConformanceEngine = { name: 'docker', isolated: true, options: { engine: 'docker' } }

describe.runIf(hasDocker())('docker', () => {
  conformance(engine)
  concurrency(engine)
  language(engine)
  borders(engine)
  options(engine)
})
