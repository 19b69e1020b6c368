import { describe } from 'vitest'
import { language } from '../language-suite.ts'
import { isThere, kubernetes } from './engine.ts'

describe.runIf(isThere)('kubernetes', () => language(kubernetes))
