import { UsageError } from '../../core/errors.ts'
import { cancelLiving, findLiving, findLivingRun, type LivingRun } from '../control/living-runs.ts'
import { NothingFound, searching, type Search } from '../control/search.ts'
import { findWorkers, removeWorker, silentText, workersNamed, type Found, type KnownWorker } from '../control/workers.ts'
import { detachedNamed } from '../detached/find.ts'
import { findLivingDetached, type LivingDetached, type SilentTree } from '../detached/living.ts'
import { removeTree } from '../detached/remove.ts'
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
  const chosen = ids.map((id, index) => found[index] ?? { id, workers: abandonedOnes(id, others, detached?.silent) })
  const killed = await Promise.all(
    chosen.map(async (one) => {
      if ('supervisors' in one) return { id: one.run, text: await killUnasked(one) }
      if ('client' in one) await cancelLiving(one, now ?? false)
      else await Promise.all(one.workers.map((worker) => removeWorker(worker, 0)))
      const id = 'client' in one ? one.id : (one.workers[0]?.name ?? one.id)
      return { id, text: `${id} is gone` }
    }),
  )
  if (json) io.stdout.write(`${JSON.stringify(killed.map(({ id }) => id))}\n`)
  else io.stderr.write(killed.map(({ text }) => `${text}\n`).join(''))
  return exitCodes.done
}

/** Its supervisor cannot be asked to cancel the run and stay to be read: all of it goes. */
async function killUnasked(tree: SilentTree): Promise<string> {
  const text = await removeTree(tree)
  return `${text}; its supervisor could not be asked (${tree.why}), so its log goes too`
}

/** A run of a detached tree; the whole tree where its supervisor does not answer. */
function detachedRun(wanted: string, { runs, silent }: LivingDetached): LivingRun | SilentTree | undefined {
  const isNobody = wanted === 'latest' && runs.length === 0
  return (isNobody ? undefined : findLivingRun(wanted, runs)) ?? detachedNamed(wanted, silent)
}

function abandonedOnes(wanted: string, { workers, silent: engines }: Found, trees: readonly SilentTree[] = []): KnownWorker[] {
  const silent = [...engines, ...trees.map(({ run, why }) => `the supervisor of ${run} could not be asked (${why})`)]
  const found = workersNamed(wanted, workers)
  const [first] = found
  if (!first && wanted === 'latest') throw new NothingFound(`No run is alive; cowait ps shows what is.${silentText(silent)}`)
  if (!first) throw new NothingFound(`No run that is alive is called ${wanted}; cowait ps shows what is.${silentText(silent)}`)
  if (first.kept) throw new UsageError(`${first.name} has ended and was kept. Remove it with cowait rm ${first.name}`)
  if (found.every(({ abandoned }) => abandoned)) return found
  throw new UsageError(`The supervisor of ${first.name} does not answer here. If it is gone for good: cowait rm --force ${first.name}`)
}
