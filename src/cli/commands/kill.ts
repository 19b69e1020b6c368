import { findLiving, pickRun } from '../control/living-runs.ts'
import { exitCodes } from '../exit-code.ts'
import type { Io } from '../io.ts'

/** Cancels runs with all that they called, and waits until they are gone. */
export async function kill(
  ids: readonly string[],
  { now, json }: { readonly now?: boolean; readonly json?: boolean },
  io: Io,
): Promise<number> {
  await using living = await findLiving()
  const runs = ids.map((id) => pickRun(id, living.runs))
  const gone = runs.map(
    (run) =>
      new Promise<void>((resolve) => {
        void run.client.closed.then(() => resolve())
        run.client.follow((event) => {
          if (event.run === run.id && event.type === 'removed') resolve()
        })
        run.client.cancel(run.id, { code: 'TASK_CANCELLED', message: 'cowait kill' }, now ?? false)
      }),
  )
  await Promise.all(gone)
  if (json) io.stdout.write(`${JSON.stringify(runs.map((run) => run.id))}\n`)
  else io.stderr.write(`${runs.map((run) => `${run.id} is gone\n`).join('')}`)
  return exitCodes.done
}
