import { describe } from 'vitest'
import { concurrency } from '../concurrency-suite.ts'
import { isThere, kubernetes } from './engine.ts'

describe.runIf(isThere)('kubernetes', () => concurrency(kubernetes))
