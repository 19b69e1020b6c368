import { describe } from 'vitest'
import { hasKubernetes } from '../engines/kubernetes/available.ts'
import { borders } from './border-suite.ts'
import { concurrency } from './concurrency-suite.ts'
import type { ConformanceEngine } from './host.ts'
import { language } from './language-suite.ts'
import { options } from './options-suite.ts'
import { conformance } from './suite.ts'

const engine: ConformanceEngine = { name: 'kubernetes', isolated: true, options: { engine: 'kubernetes' } }

describe.runIf(await hasKubernetes())('kubernetes', () => {
  conformance(engine)
  concurrency(engine)
  language(engine)
  borders(engine)
  options(engine)
})
