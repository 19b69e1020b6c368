import { UsageError } from '../../core/errors.ts'
import { cancelLiving, findLiving, findLivingRun } from '../control/living-runs.ts'
import { findWorkers, removeWorker, silentText, workersNamed, type Found, type KnownWorker } from '../control/workers.ts'
import { exitCodes } from '../exit-code.ts'
import type { Io } from '../io.ts'

/** Cancels runs with all that they called, and waits until they are gone; by its worker's label where its supervisor is gone. */
export async function kill(
  ids: readonly string[],
  { now, json }: { readonly now?: boolean; readonly json?: boolean },
  io: Io,
): Promise<number> {
  await using living = await findLiving()
  const found = ids.map((id) => ({ id, run: findLivingRun(id, living.runs) }))
  const others: Found = found.every(({ run }) => run) ? { workers: [], silent: [] } : await findWorkers(io)
  const chosen = found.map(({ id, run }) => run ?? { id, workers: abandonedOnes(id, others) })
  const killed = await Promise.all(
    chosen.map(async (one) => {
      if ('client' in one) await cancelLiving(one, now ?? false)
      else await Promise.all(one.workers.map((worker) => removeWorker(worker, 0)))
      return 'client' in one ? one.id : (one.workers[0]?.name ?? one.id)
    }),
  )
  if (json) io.stdout.write(`${JSON.stringify(killed)}\n`)
  else io.stderr.write(killed.map((id) => `${id} is gone\n`).join(''))
  return exitCodes.done
}

function abandonedOnes(wanted: string, { workers, silent }: Found): KnownWorker[] {
  const found = workersNamed(wanted, workers)
  const [first] = found
  if (!first) throw new UsageError(`No run that is alive is called ${wanted}; cowait ps shows what is.${silentText(silent)}`)
  if (first.kept) throw new UsageError(`${first.name} has ended and was kept. Remove it with cowait rm ${first.name}`)
  if (found.every(({ abandoned }) => abandoned)) return found
  throw new UsageError(`The supervisor of ${first.name} does not answer here. If it is gone for good: cowait rm --force ${first.name}`)
}
