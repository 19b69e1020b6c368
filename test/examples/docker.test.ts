import { describe } from 'vitest'
import { hasDocker } from '../engines/docker/available.ts'
import { examples } from './suite.ts'

describe.runIf(hasDocker())('docker', () => examples('docker', { timeout: 120_000 }))
