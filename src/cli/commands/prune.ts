import { engineTargets, withEngine, type EngineTarget } from '../control/engine-targets.ts'
import { exitCodes } from '../exit-code.ts'
import type { Io } from '../io.ts'

const WORDS: Readonly<Record<string, readonly [one: string, more: string]>> = {
  process: ['process', 'processes'],
  docker: ['container', 'containers'],
  kubernetes: ['pod', 'pods'],
}

interface PruneFlags {
  readonly kept?: boolean
  readonly json?: boolean
}

/** Removes what supervisors that are gone left behind, on every engine that answers; never what belongs to a living one. */
export async function prune({ kept, json }: PruneFlags, io: Io): Promise<number> {
  const swept: Record<string, number> = {}
  for (const target of await engineTargets(io, { everywhere: true })) {
    const workers = await sweep(target, kept ?? false)
    if (workers !== undefined) swept[target.name] = (swept[target.name] ?? 0) + workers
  }
  if (json) io.stdout.write(`${JSON.stringify(swept)}\n`)
  else {
    const parts = Object.entries(swept).map(([engine, workers]) => `${workers} ${WORDS[engine]?.[workers === 1 ? 0 : 1] ?? 'workers'}`)
    io.stderr.write(`removed ${parts.join(', ')}\n`)
  }
  return exitCodes.done
}

async function sweep(target: EngineTarget, kept: boolean): Promise<number | undefined> {
  try {
    return await withEngine(target, (engine) => engine.sweep({ kept }))
  } catch (error) {
    if (target.name === 'process') throw error
    return undefined
  }
}
