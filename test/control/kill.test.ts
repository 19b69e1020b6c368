import { hasDocker } from '../engines/docker/available.ts'
import { killSuite } from './kill-suite.ts'

killSuite('process', true)
killSuite('docker', hasDocker())
