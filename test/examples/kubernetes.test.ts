import { describe } from 'vitest'
import { hasKubernetes } from '../engines/kubernetes/available.ts'
import { examples } from './suite.ts'

describe.runIf(await hasKubernetes())('kubernetes', () => examples('kubernetes', { timeout: 180_000, isApart: true, graceMs: 60_000 }))
