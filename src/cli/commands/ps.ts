import { mayHaveCluster } from '../../engines/kubernetes/may-have-cluster.ts'
import type { RunListing } from '../../protocol/messages.ts'
import { findLiving } from '../control/living-runs.ts'
import type { Search } from '../control/search.ts'
import { findWorkers, type KnownWorker } from '../control/workers.ts'
import type { DetachedTree } from '../detached/find.ts'
import { findLivingDetached } from '../detached/living.ts'
import { exitCodes } from '../exit-code.ts'
import { formatBytes } from '../../core/bytes.ts'
import { taskName } from '../../core/task-name.ts'
import { formatTime } from '../format.ts'
import type { Io } from '../io.ts'
import { columnsText } from '../table.ts'

interface PsFlags {
  readonly json?: boolean
  /** Also asks the cluster that nothing but a kubeconfig names: it may be far away, and want a login. */
  readonly everywhere?: boolean
}

const FAR = ' here; with --everywhere your cluster is asked, too'

const HEAD = ['RUN', 'STATUS', 'AGE', 'ENGINE', 'CPU TIME', 'MEMORY', 'TASK']

/**
 * Shows the runs of this user that are alive, of all supervisors, here and in clusters, each below its caller; and the workers that
 * were kept, or left behind by a supervisor that is gone.
 */
export async function ps({ json, everywhere = false }: PsFlags, io: Io): Promise<number> {
  await using living = await findLiving()
  const search: Search = { everywhere }
  const [detached, { workers, silent }] = await Promise.all([findLivingDetached(io, search), findWorkers(io, { ...search, usage: true })])
  await using _closing = detached
  const runs = [...living.runs, ...detached.runs]
  const byRun = new Map(workers.map((worker) => [worker.name, worker]))
  const alive = new Set(runs.map(({ id }) => id))
  const others = workers.filter((worker) => !alive.has(worker.name) && (worker.kept || worker.abandoned))
  const { stdout, stderr } = io
  for (const text of silent) stderr.write(`${text}; what it alone knows of is not shown\n`)
  if (json) {
    const shown = runs.map(({ client: _, ...run }) => ({ ...run, ...byRun.get(run.id)?.usage }))
    const starting = detached.silent.map(({ run, state, engine, createdAt, task }) => ({
      id: run,
      status: silentStatus(state),
      engine,
      createdAt,
      task,
    }))
    const left = others.map(({ id, name, target, createdAt, usage, kept }) => ({
      id: name,
      worker: id,
      status: kept ? 'kept' : 'abandoned',
      engine: target.name,
      createdAt,
      ...usage,
    }))
    stdout.write(`${JSON.stringify([...shown, ...starting, ...left], null, stdout.isTerminal ? 2 : undefined)}\n`)
    return exitCodes.done
  }
  const now = Date.now()
  const rows = [
    ...rowsBelow(null, childrenOf(runs), byRun, now),
    ...detached.silent.map(({ run, state, engine, createdAt, task }) => [
      run,
      silentStatus(state),
      formatTime(now - createdAt),
      engine,
      '-',
      '-',
      task,
    ]),
    ...others.map((worker) => [
      worker.name,
      worker.kept ? 'kept' : 'abandoned',
      formatTime(now - worker.createdAt),
      worker.target.name,
      ...used(worker),
      '',
    ]),
  ]
  if (rows.length === 0) stderr.write(`no run is alive${everywhere || io.env['KUBECONFIG'] || !mayHaveCluster(io.env) ? '' : FAR}\n`)
  else stdout.write(columnsText([HEAD, ...rows]))
  return exitCodes.done
}

/** Of a detached tree whose supervisor does not answer. */
function silentStatus(state: DetachedTree['state']): string {
  return state === 'starting' ? 'starting' : 'does not answer'
}

/** By the id of the parent, oldest first. */
function childrenOf(runs: readonly RunListing[]): Map<string | null, RunListing[]> {
  const children = new Map<string | null, RunListing[]>()
  for (const run of runs.toSorted((a, b) => a.createdAt - b.createdAt)) {
    const siblings = children.get(run.parent)
    if (siblings) siblings.push(run)
    else children.set(run.parent, [run])
  }
  return children
}

function rowsBelow(
  parent: string | null,
  children: ReadonlyMap<string | null, readonly RunListing[]>,
  workers: ReadonlyMap<string, KnownWorker>,
  now: number,
  indent = '',
): string[][] {
  return (children.get(parent) ?? []).flatMap((run) => [
    [
      indent + run.id,
      run.status + (run.attempt > 1 ? ` (attempt ${run.attempt})` : ''),
      formatTime(now - run.createdAt),
      run.engine,
      ...used(workers.get(run.id)),
      taskName(run.task),
    ],
    ...rowsBelow(run.id, children, workers, now, `${indent}  `),
  ])
}

function used(worker: KnownWorker | undefined): [cpu: string, memory: string] {
  if (!worker?.usage) return ['-', '-']
  return [formatTime(worker.usage.cpuSeconds * 1_000), formatBytes(worker.usage.memoryBytes)]
}
