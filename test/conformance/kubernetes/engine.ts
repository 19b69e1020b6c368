import { hasKubernetes } from '../../engines/kubernetes/available.ts'
import type { ConformanceEngine } from '../host.ts'

export const isThere = await hasKubernetes()

export const kubernetes: ConformanceEngine = { name: 'kubernetes', isolated: true, options: { engine: 'kubernetes' } }
