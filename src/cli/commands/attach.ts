import type { RunEvent } from '../../core/events.ts'
import { UsageError } from '../../core/errors.ts'
import { exitCodes, exitCodeOfSignal } from '../exit-code.ts'
import { detachedNamed, findDetached, type DetachedTree } from '../detached/find.ts'
import type { Io } from '../io.ts'
import type { RunFlags } from '../run-flags.ts'
import { createView } from '../views/create-view.ts'
import type { NdjsonLine } from '../views/ndjson.ts'
import type { Outcome } from '../views/view.ts'

/**
 * Shows a detached run from its beginning to its end, as `cowait run` would have, and answers its exit code. What asks this command to
 * stop ends this command alone.
 */
export async function attach(wanted: string, flags: RunFlags, io: Io): Promise<number> {
  await using found = await findDetached(io, { everywhere: true })
  const tree = detachedNamed(wanted, found.trees)
  if (!tree) throw found.faults[0] ?? new UsageError(`There is no detached run ${wanted}${listOf(found.trees)}`)
  const view = await createView(flags, io, { stdout: io.stdout, stderr: io.stderr, workerWord: () => 'pod', debug: io.debug })
  const stop = new AbortController()
  io.stop.listen(() => stop.abort())
  let outcome: Outcome | undefined
  // Some lines may come twice (`DetachedSupervisors.lines`).
  const last = new Map<string, number>()
  const isNew = ({ run, seq }: RunEvent): boolean => {
    if (seq <= (last.get(run) ?? -1)) return false
    last.set(run, seq)
    return true
  }
  try {
    for await (const line of tree.supervisors.lines(tree.run, { follow: true, signal: stop.signal })) {
      const told = parseLine(line)
      if (told?.type === 'item') await view.item(told.item)
      else if (told?.type === 'result') {
        outcome = outcomeOf(told)
        break
      } else if (told) {
        if (isNew(told)) view.event(told)
      } else if (line !== '') view.notice(line)
    }
  } catch (error) {
    if (!io.stop.first) throw error
    view.notice(`${tree.run} goes on by itself. To follow it again: cowait attach ${tree.run}   To end it: cowait kill ${tree.run}`)
    return exitCodeOfSignal(io.stop.first)
  }
  outcome ??= await lost(tree)
  await view.end(outcome)
  return outcome.exitCode
}

/** Nothing for a line that is not the supervisor's own word. */
function parseLine(line: string): NdjsonLine | undefined {
  try {
    const told = JSON.parse(line) as NdjsonLine | null
    return typeof told === 'object' && told !== null && 'run' in told && 'type' in told ? told : undefined
  } catch {
    return undefined
  }
}

function outcomeOf({ run, type: _, ...rest }: Extract<NdjsonLine, { type: 'result' }>): Outcome {
  return { ...rest, ...(run !== null && { run }) }
}

/** The supervisor ended without a word on its run. */
async function lost({ run, createdAt, supervisors }: DetachedTree): Promise<Outcome> {
  const now = (await supervisors.list()).find((info) => info.run === run)
  const message = `the supervisor of ${run} is gone: ${now?.fault ?? (now ? 'it ended without a result' : 'it was removed')}`
  return {
    run,
    status: 'failed',
    error: { code: 'TASK_LOST', name: 'TaskLostError', message },
    exitCode: exitCodes.lost,
    durationMs: Date.now() - createdAt,
    left: [],
    kept: [],
  }
}

function listOf(trees: readonly DetachedTree[]): string {
  const names = trees.slice(-5).map(({ run }) => run)
  return names.length === 0 ? ', nor any other.' : `. There is ${names.join(', ')}.`
}
