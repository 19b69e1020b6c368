import { describe } from 'vitest'
import { borders } from '../border-suite.ts'
import { isThere, kubernetes } from './engine.ts'

describe.runIf(isThere)('kubernetes', () => borders(kubernetes))
