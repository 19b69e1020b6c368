import type { RunListing } from '../../protocol/messages.ts'
import { findLiving } from '../control/living-runs.ts'
import { exitCodes } from '../exit-code.ts'
import { formatTime } from '../format.ts'
import type { Io } from '../io.ts'
import { columnsText } from '../table.ts'

/** Shows the runs of this user that are alive, of all supervisors, each below its caller. */
export async function ps({ json }: { readonly json?: boolean }, io: Io): Promise<number> {
  await using living = await findLiving()
  const { stdout } = io
  if (json) {
    const runs = living.runs.map(({ client: _, ...run }) => run)
    stdout.write(`${JSON.stringify(runs, null, stdout.isTerminal ? 2 : undefined)}\n`)
    return exitCodes.done
  }
  const now = Date.now()
  const rows = living.runs.filter((run) => run.parent === null).flatMap((root) => rowsBelow(root, living.runs, '', now))
  if (rows.length === 0) io.stderr.write('no run is alive\n')
  else stdout.write(columnsText([['RUN', 'STATUS', 'AGE', 'ENGINE', 'TASK'], ...rows]))
  return exitCodes.done
}

function rowsBelow(run: RunListing, all: readonly RunListing[], indent: string, now: number): string[][] {
  const attempt = run.attempt > 1 ? ` (attempt ${run.attempt})` : ''
  const row = [indent + run.id, run.status + attempt, formatTime(now - run.createdAt), run.engine, `${run.task.module}:${run.task.export}`]
  return [row, ...all.filter((one) => one.parent === run.id).flatMap((child) => rowsBelow(child, all, `${indent}  `, now))]
}
