import { describe } from 'vitest'
import { hasDocker } from '../engines/docker/available.ts'
import { conformance } from './suite.ts'

describe.runIf(hasDocker())('docker', () => conformance({ name: 'docker', isolated: true, options: { engine: 'docker' } }))
