import { runIsolated } from '../lib/raw-docker.mjs'

await runIsolated()
process.exit()
