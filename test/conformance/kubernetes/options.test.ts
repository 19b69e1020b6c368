import { describe } from 'vitest'
import { options } from '../options-suite.ts'
import { isThere, kubernetes } from './engine.ts'

describe.runIf(isThere)('kubernetes', () => options(kubernetes))
