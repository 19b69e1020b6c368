import { describe } from 'vitest'
import { conformance } from '../suite.ts'
import { isThere, kubernetes } from './engine.ts'

describe.runIf(isThere)('kubernetes', () => conformance(kubernetes))
