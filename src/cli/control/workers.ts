import type { WorkerInfo, WorkerUsage } from '../../core/engine.ts'
import { UsageError } from '../../core/errors.ts'
import type { Io } from '../io.ts'
import { engineTargets, withEngine, type EngineTarget } from './engine-targets.ts'

/** A worker as its engine knows it, whoever started it. */
export interface KnownWorker extends WorkerInfo {
  readonly target: EngineTarget
  readonly usage?: WorkerUsage
}

const ANSWER_MS = 5_000

/** The workers of all engines that answer; with what they use where the engine knows and it was asked for. */
export async function findWorkers(io: Io, { usage = false }: { readonly usage?: boolean } = {}): Promise<KnownWorker[]> {
  const found = await Promise.all((await engineTargets(io)).map((target) => within(workersOf(target, usage)).catch(() => [])))
  return found.flat()
}

async function workersOf(target: EngineTarget, wantsUsage: boolean): Promise<KnownWorker[]> {
  return await withEngine(target, async (engine) => {
    const workers = await engine.list({})
    const used = wantsUsage && workers.length > 0 ? await engine.usage?.(workers.map(({ id }) => id)) : undefined
    return workers.map((worker) => {
      const usage = used?.get(worker.id)
      return { ...worker, target, ...(usage && { usage }) }
    })
  })
}

/** The workers of the one run that an exact id or a prefix means; none when there is no such run. */
export function workersNamed(wanted: string, workers: readonly KnownWorker[]): KnownWorker[] {
  const exact = workers.filter(({ name }) => name === wanted)
  if (exact.length > 0) return exact
  const fitting = workers.filter(({ name }) => name.startsWith(wanted))
  const names = [...new Set(fitting.map(({ name }) => name))]
  if (names.length > 1) throw new UsageError(`${wanted} fits ${names.length} runs: ${names.slice(0, 5).join(', ')}. Give more of the id.`)
  return fitting
}

export async function removeWorker({ id, owner, target }: KnownWorker, graceMs: number): Promise<void> {
  await withEngine(target, (engine) => engine.remove(id, graceMs), owner)
}

/** Rejects where an engine takes too long to answer: it may be hanging. */
export async function within<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS / 1_000} s: it may be hanging`)), ANSWER_MS)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
