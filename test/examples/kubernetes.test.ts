import { describe } from 'vitest'
import { hasKubernetes } from '../engines/kubernetes/available.ts'
import { examples } from './suite.ts'

/** Those that show one thing each: a pod takes its time to start. What the others show, the conformance suite does. */
const only = ['sleep', 'resize', 'boss', 'shell:ls', 'primes:consume', 'parallel']

describe.runIf(await hasKubernetes())('kubernetes', () => examples('kubernetes', { timeout: 180_000, only }))
