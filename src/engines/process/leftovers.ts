/** What supervisors that are gone left behind on this host: workers, found by their mark. */
import { isLiving, type Home } from '../host-process.ts'
import { killMarked } from './kill.ts'
import { ownerMark } from './marker.ts'
import type { ProcessTable } from './process-table.ts'

/** Ends the workers of supervisors whose process is gone; answers how many there were. */
export async function sweepWorkers(table: ProcessTable): Promise<number> {
  const workers = new Set<string>()
  const owners = new Map<string, { home: Home; isGone: boolean }>()
  for (const { mark } of await table.marks()) {
    const key = ownerMark(mark.home, mark.owner)
    const owner = owners.get(key) ?? { home: mark.home, isGone: (await isLiving(mark.home)) === false }
    owners.set(key, owner)
    if (owner.isGone) workers.add(`${key}${mark.id}`)
  }
  const gone = [...owners].filter(([, { isGone }]) => isGone)
  await Promise.all(gone.map(([mark]) => killMarked(table, mark)))
  return workers.size
}
