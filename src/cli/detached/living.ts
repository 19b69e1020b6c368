import type { Io } from '../io.ts'
import { ControlClient } from '../control/control-client.ts'
import type { Living, LivingRun } from '../control/living-runs.ts'
import type { Search } from '../control/search.ts'
import { findDetached, type DetachedTree } from './find.ts'

/** A program has to be started in the supervisor's pod first. */
const answerMs = 15_000

export interface LivingDetached extends Omit<Living, 'silent'> {
  readonly trees: readonly DetachedTree[]
  /** Those that have not ended and do not answer: not started yet, or out of reach. */
  readonly silent: readonly SilentTree[]
}

export interface SilentTree extends DetachedTree {
  /** Why it does not answer, for people. */
  readonly why: string
}

/** The runs of detached trees that are alive, asked of their own supervisors. */
export async function findLivingDetached(io: Io, search: Search = {}): Promise<LivingDetached> {
  const found = await findDetached(io, search)
  const alive = found.trees.filter(({ state }) => state !== 'ended')
  const asked = await Promise.all(alive.map(async (tree) => ({ tree, answer: await ask(tree) })))
  return {
    trees: found.trees,
    runs: asked.flatMap(({ answer }) => ('runs' in answer ? answer.runs : [])),
    silent: asked.flatMap(({ tree, answer }) => ('why' in answer ? [{ ...tree, why: answer.why }] : [])),
    async [Symbol.asyncDispose]() {
      await Promise.all(asked.flatMap(({ answer }) => ('client' in answer ? answer.client[Symbol.asyncDispose]() : [])))
      await found[Symbol.asyncDispose]()
    },
  }
}

type Answer = { readonly client: ControlClient; readonly runs: readonly LivingRun[] } | { readonly why: string }

/** Also one that is said to be starting: the cluster hears later than its pod does that it runs. */
async function ask({ run, place, supervisors }: DetachedTree): Promise<Answer> {
  try {
    const stream = await supervisors.connect(run, AbortSignal.timeout(answerMs))
    const client = await ControlClient.open(stream, answerMs)
    return { client, runs: (await client.list()).map((one) => ({ ...one, supervisor: place, client })) }
  } catch (error) {
    return { why: (error as Error).message.replace(/\.$/, '') }
  }
}
