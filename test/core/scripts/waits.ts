import { isMain, join } from 'cowait'
import { slow } from '../../../examples/cancel.ts'

if (isMain(import.meta)) {
  const runs = [slow(), slow()]
  await join(runs.map((run) => run.ready))
  console.log('ready')
  await join(runs)
}
