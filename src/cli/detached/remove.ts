import { formatDuration } from '../../core/duration.ts'
import type { DetachedTree } from './find.ts'

/** The supervisor has half of it to end its tree, the cluster the rest to remove what it was. */
const goneMs = 60_000

/** Removes a whole tree and waits until nothing of it is left. Answers what to tell of it. */
export async function removeTree({ run, supervisors }: DetachedTree): Promise<string> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), goneMs)
  try {
    if (await supervisors.remove(run, late.signal)) return `${run} is gone`
    return `${run} is being removed: its cluster has not ended all of it within ${formatDuration(goneMs)}`
  } finally {
    clearTimeout(timer)
  }
}
