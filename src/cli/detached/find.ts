import type { DetachedInfo, DetachedSupervisors } from '../../core/detached.ts'
import type { Engine } from '../../core/engine.ts'
import { UsageError } from '../../core/errors.ts'
import { engineTargets, withEngine, type EngineTarget } from '../control/engine-targets.ts'
import { ANSWER_MS, inTime } from '../control/in-time.ts'
import type { Search } from '../control/search.ts'
import type { Io } from '../io.ts'

/** A tree whose supervisor runs where the workers are. */
export interface DetachedTree extends DetachedInfo {
  readonly engine: string
  readonly supervisors: DetachedSupervisors
}

/** The detached trees of the engines that answer, oldest first, and what the others said. */
export interface DetachedTrees extends AsyncDisposable {
  readonly trees: readonly DetachedTree[]
  readonly faults: readonly Error[]
}

export async function findDetached(io: Io, search: Search = {}): Promise<DetachedTrees> {
  const targets = (await engineTargets(io, search)).filter(({ name }) => name === 'kubernetes')
  const held = await Promise.all(targets.map(hold))
  return {
    trees: held.flatMap((one) => ('trees' in one ? one.trees : [])).toSorted((a, b) => a.createdAt - b.createdAt),
    faults: held.flatMap((one) => ('fault' in one ? [one.fault] : [])),
    async [Symbol.asyncDispose]() {
      await Promise.all(held.flatMap((one) => ('release' in one ? one.release() : [])))
    },
  }
}

/** By an exact id, a prefix that fits one only, or `latest`; nothing when none fits. */
export function detachedNamed<T extends DetachedTree>(wanted: string, trees: readonly T[]): T | undefined {
  if (wanted === 'latest') return trees.at(-1)
  const exact = trees.find(({ run }) => run === wanted)
  if (exact) return exact
  const fitting = trees.filter(({ run }) => run.startsWith(wanted))
  if (fitting.length > 1) {
    const names = fitting.slice(0, 5).map(({ run }) => run)
    throw new UsageError(`${wanted} fits ${fitting.length} detached runs: ${names.join(', ')}. Give more of the id.`)
  }
  return fitting[0]
}

type Held = { readonly trees: readonly DetachedTree[]; readonly release: () => Promise<void> } | { readonly fault: Error }

/** The trees of one engine, which stays open until it is released. */
async function hold(target: EngineTarget): Promise<Held> {
  let release!: () => void
  const released = new Promise<void>((resolve) => (release = resolve))
  const late = new AbortController()
  let closed: Promise<void> = Promise.resolve()
  const held = new Promise<Held>((resolve) => {
    const use = async (engine: Engine): Promise<void> => {
      const trees = await treesOf(engine)
      resolve({
        trees,
        release: async () => {
          release()
          await closed
        },
      })
      await released
    }
    closed = withEngine(target, use, { signal: late.signal })
    closed.catch((fault: Error) => resolve({ fault }))
  })
  return await inTime(held, target.name, ANSWER_MS).catch(async (fault: Error) => {
    late.abort(fault)
    release()
    await closed.catch(() => undefined)
    return { fault }
  })
}

async function treesOf({ name: engine, detached: supervisors }: Engine): Promise<DetachedTree[]> {
  return supervisors ? (await supervisors.list()).map((info) => ({ ...info, engine, supervisors })) : []
}
