import type { Engine, WorkerInfo, WorkerUsage } from '../../core/engine.ts'
import { UsageError } from '../../core/errors.ts'
import type { Io } from '../io.ts'
import { engineTargets, withEngine, type EngineTarget } from './engine-targets.ts'
import { ANSWER_MS, inTime, LateError } from './in-time.ts'
import type { Search } from './search.ts'

/** A worker as its engine knows it, whoever started it. */
export interface KnownWorker extends WorkerInfo {
  readonly target: EngineTarget
  readonly usage?: WorkerUsage
}

/** What the engines said. */
export interface Found {
  readonly workers: readonly KnownWorker[]
  /** Engines that are there and said nothing in time, as texts for people. */
  readonly silent: readonly string[]
}

/** The workers of all engines that answer; with what they use where the engine knows and it was asked for. */
export async function findWorkers(io: Io, { usage = false, ...search }: Search & { readonly usage?: boolean } = {}): Promise<Found> {
  const targets = await engineTargets(io, search)
  const answers = await Promise.allSettled(targets.map((target) => workersOf(target, usage)))
  return {
    workers: answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : [])),
    silent: answers.flatMap((answer) =>
      answer.status === 'rejected' && answer.reason instanceof LateError ? [answer.reason.message] : [],
    ),
  }
}

async function workersOf(target: EngineTarget, wantsUsage: boolean): Promise<KnownWorker[]> {
  const workersWithUsage = async (engine: Engine): Promise<KnownWorker[]> => {
    const workers = await engine.list({})
    const asked = wantsUsage && workers.length > 0 ? engine.usage?.(workers.map(({ id }) => id)) : undefined
    // Where it is far away they are shown without rather than not at all.
    const used = await (target.isFar && asked ? inTime(asked, target.name, ANSWER_MS / 3).catch(() => undefined) : asked)
    return workers.map((worker) => {
      const usage = used?.get(worker.id)
      return { ...worker, target, ...(usage && { usage }) }
    })
  }
  return await withEngine(target, workersWithUsage, { limitMs: ANSWER_MS })
}

/** What nobody could tell, for the end of a message that something is not there. */
export function silentText(silent: readonly string[]): string {
  return silent.map((text) => `\n${text}, so it may be there.`).join('')
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
  await withEngine(target, (engine) => engine.remove(id, graceMs), { owner })
}
