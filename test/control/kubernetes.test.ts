import { hasKubernetes } from '../engines/kubernetes/available.ts'
import { killSuite } from './kill-suite.ts'

killSuite('kubernetes', await hasKubernetes())
