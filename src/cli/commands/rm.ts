import { UsageError } from '../../core/errors.ts'
import { cancelLiving, findLiving, findLivingRun } from '../control/living-runs.ts'
import { NothingFound, searching, type Search } from '../control/search.ts'
import { findWorkers, removeWorker, silentText, workersNamed } from '../control/workers.ts'
import { detachedNamed, findDetached } from '../detached/find.ts'
import { removeTree } from '../detached/remove.ts'
import { exitCodes } from '../exit-code.ts'
import type { Io } from '../io.ts'

interface RmFlags {
  readonly force?: boolean
  readonly json?: boolean
}

/** Removes what is left of runs: workers that were kept, or whose supervisor is gone; detached trees that ended. What is alive goes only by force. */
export async function rm(ids: readonly string[], flags: RmFlags, io: Io): Promise<number> {
  return await searching(async (search) => await removeFound(ids, flags, io, search))
}

async function removeFound(ids: readonly string[], { force, json }: RmFlags, io: Io, search: Search): Promise<number> {
  await using living = await findLiving()
  const [detached, { workers, silent }] = await Promise.all([findDetached(io, search), findWorkers(io, search)])
  await using _closing = detached
  const removals = ids.map((wanted) => {
    const run = findLivingRun(wanted, living.runs)
    if (run && !force) throw new UsageError(`${run.id} is alive. End it with cowait kill ${run.id}, or remove it with --force.`)
    if (run) return { name: run.id, remove: async () => await cancelLiving(run, true) }
    const tree = detachedNamed(wanted, detached.trees)
    if (tree && tree.state !== 'ended' && !force)
      throw new UsageError(`${tree.run} runs by itself. End it with cowait kill ${tree.run}, or remove it with --force.`)
    if (tree) return { name: tree.run, remove: () => removeTree(tree) }
    const found = workersNamed(wanted, workers)
    const [first] = found
    if (!first) throw new NothingFound(`Nothing is left of a run called ${wanted}; cowait ps shows what there is.${silentText(silent)}`)
    if (!force && !found.every(({ kept, abandoned }) => kept || abandoned))
      throw new UsageError(`${first.name} may belong to a supervisor that does not answer here. If it is gone for good, use --force.`)
    return { name: first.name, remove: async () => void (await Promise.all(found.map((worker) => removeWorker(worker, 0)))) }
  })
  const told: string[] = []
  for (const { name, remove } of removals) told.push((await remove()) ?? `${name} is gone`)
  if (json) io.stdout.write(`${JSON.stringify(removals.map(({ name }) => name))}\n`)
  else io.stderr.write(told.map((text) => `${text}\n`).join(''))
  return exitCodes.done
}
