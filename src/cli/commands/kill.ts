import { UsageError } from '../../core/errors.ts'
import { cancelLiving, findLiving, findLivingRun, type LivingRun } from '../control/living-runs.ts'
import { NothingFound, searching, type Search } from '../control/search.ts'
import { findWorkers, removeWorker, silentText, workersNamed, type Found, type KnownWorker } from '../control/workers.ts'
import { detachedNamed, type DetachedTree } from '../detached/find.ts'
import { findLivingDetached, type LivingDetached } from '../detached/living.ts'
import { exitCodes } from '../exit-code.ts'
import type { Io } from '../io.ts'

interface KillFlags {
  readonly now?: boolean
  readonly json?: boolean
}

/** Cancels runs with all that they called, and waits until they are gone; by its worker's label where its supervisor is gone. */
export async function kill(ids: readonly string[], flags: KillFlags, io: Io): Promise<number> {
  return await searching(async (search) => await killFound(ids, flags, io, search))
}

async function killFound(ids: readonly string[], { now, json }: KillFlags, io: Io, search: Search): Promise<number> {
  await using living = await findLiving()
  const here = ids.map((id) => (id === 'latest' && living.runs.length === 0 ? undefined : findLivingRun(id, living.runs)))
  await using detached = here.every(Boolean) ? undefined : await findLivingDetached(io, search)
  const found = ids.map((id, index) => here[index] ?? (detached && detachedRun(id, detached)))
  const others: Found = found.every(Boolean) ? { workers: [], silent: [] } : await findWorkers(io, search)
  const chosen = ids.map((id, index) => found[index] ?? { id, workers: abandonedOnes(id, others) })
  const killed = await Promise.all(
    chosen.map(async (one) => {
      if ('client' in one) await cancelLiving(one, now ?? false)
      else if ('supervisors' in one) await one.supervisors.remove(one.run)
      else await Promise.all(one.workers.map((worker) => removeWorker(worker, 0)))
      return 'client' in one ? one.id : 'supervisors' in one ? one.run : (one.workers[0]?.name ?? one.id)
    }),
  )
  if (json) io.stdout.write(`${JSON.stringify(killed)}\n`)
  else io.stderr.write(killed.map((id) => `${id} is gone\n`).join(''))
  return exitCodes.done
}

/** A run of a detached tree; the whole tree where its supervisor does not answer. */
function detachedRun(wanted: string, { runs, silent }: LivingDetached): LivingRun | DetachedTree | undefined {
  const isNobody = wanted === 'latest' && runs.length === 0
  return (isNobody ? undefined : findLivingRun(wanted, runs)) ?? detachedNamed(wanted, silent)
}

function abandonedOnes(wanted: string, { workers, silent }: Found): KnownWorker[] {
  const found = workersNamed(wanted, workers)
  const [first] = found
  if (!first && wanted === 'latest') throw new NothingFound(`No run is alive; cowait ps shows what is.${silentText(silent)}`)
  if (!first) throw new NothingFound(`No run that is alive is called ${wanted}; cowait ps shows what is.${silentText(silent)}`)
  if (first.kept) throw new UsageError(`${first.name} has ended and was kept. Remove it with cowait rm ${first.name}`)
  if (found.every(({ abandoned }) => abandoned)) return found
  throw new UsageError(`The supervisor of ${first.name} does not answer here. If it is gone for good: cowait rm --force ${first.name}`)
}
