import { parseDuration } from '../../core/duration.ts'
import type { Engine } from '../../core/engine.ts'
import { EngineError } from '../../core/errors.ts'
import { mayHaveCluster } from '../../engines/kubernetes/may-have-cluster.ts'
import { engineTargets, withEngine, type EngineTarget } from '../control/engine-targets.ts'
import { ANSWER_MS, LateError } from '../control/in-time.ts'
import { exitCodes } from '../exit-code.ts'
import { numberOr } from '../flag-options.ts'
import type { Io } from '../io.ts'

const WORDS: Readonly<Record<string, readonly [one: string, more: string]>> = {
  process: ['process', 'processes'],
  docker: ['container', 'containers'],
  kubernetes: ['pod', 'pods'],
}

/** An engine that has just answered may have much to remove. */
const SWEEP_MS = 60_000

interface PruneFlags {
  readonly kept?: boolean
  readonly cache?: boolean
  readonly wait?: string
  readonly json?: boolean
}

/**
 * Removes what supervisors that are gone left behind, on every engine that answers; never what belongs to a living one. Answers 3 where
 * an engine said nothing in time, and where one that a config or a variable names could not be asked.
 */
export async function prune({ kept = false, cache = true, wait, json }: PruneFlags, io: Io): Promise<number> {
  const answerMs = wait === undefined ? ANSWER_MS : parseDuration(numberOr(wait), 'cowait prune: --wait')
  const targets = await engineTargets(io, { everywhere: true })
  const answers = await Promise.all(targets.map(async (target) => ({ target, answer: await sweep(target, { kept, cache, answerMs }) })))
  const swept: Record<string, number> = {}
  let volumes = 0
  for (const { target, answer } of answers) {
    if (!(answer instanceof Error)) {
      swept[target.name] = (swept[target.name] ?? 0) + answer.workers
      volumes += answer.volumes
    } else if (isThere(target, answer, io)) io.stderr.write(faultText(target, answer))
  }
  if (json) io.stdout.write(`${JSON.stringify(swept)}\n`)
  else {
    const parts = Object.entries(swept).map(([engine, workers]) => `${workers} ${WORDS[engine]?.[workers === 1 ? 0 : 1] ?? 'workers'}`)
    if (volumes > 0) parts.push(volumes === 1 ? '1 volume of code' : `${volumes} volumes of code`)
    io.stderr.write(`removed ${parts.join(', ')}\n`)
  }
  const isLost = answers.some(({ target, answer }) => answer instanceof LateError || (answer instanceof Error && target.isMeant))
  return isLost ? exitCodes.lost : exitCodes.done
}

interface Sweeping {
  readonly kept: boolean
  readonly cache: boolean
  readonly answerMs: number
}

interface Swept {
  readonly workers: number
  readonly volumes: number
}

/** What went, or why it could not be asked. */
async function sweep(target: EngineTarget, { kept, cache, answerMs }: Sweeping): Promise<Swept | Error> {
  const sweepOf = async (engine: Engine): Promise<Swept> => {
    const workers = await engine.sweep({ kept })
    return { workers, volumes: (cache && (await engine.prune?.())) || 0 }
  }
  try {
    await withEngine(target, (engine) => engine.list({}), { limitMs: answerMs })
    return await withEngine(target, sweepOf, { limitMs: Math.max(answerMs, SWEEP_MS) })
  } catch (error) {
    if (target.name === 'process') throw error
    return error as Error
  }
}

/** Whether there is anything that should have answered: most machines have no cluster, and nobody wants to be told. */
function isThere({ name, isMeant }: EngineTarget, fault: Error, { env }: Io): boolean {
  return isMeant === true || fault instanceof LateError || name !== 'kubernetes' || mayHaveCluster(env)
}

function faultText({ name }: EngineTarget, fault: Error): string {
  if (fault instanceof LateError) return `${fault.message}; nothing was removed there\n`
  const hint = fault instanceof EngineError && fault.hint ? `\n${fault.hint}` : ''
  return `${name}: ${fault.message.replace(/\.$/, '')}; nothing was removed there${hint}\n`
}
