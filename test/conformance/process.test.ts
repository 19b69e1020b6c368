import { conformance } from './suite.ts'

conformance({ name: 'process', isolated: true, options: { engine: 'process' } })
