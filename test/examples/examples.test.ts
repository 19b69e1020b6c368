import { examples } from './suite.ts'

examples('process', { timeout: 60_000 })
