import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { openEngine } from '../../client/open-engine.ts'
import { createPrivateDirectory } from '../../client/runtime-directory.ts'
import { exitCodes } from '../exit-code.ts'
import type { Io } from '../io.ts'

const WORDS = { process: ['process', 'processes'], docker: ['container', 'containers'], kubernetes: ['pod', 'pods'] } as const

/** Removes what supervisors that are gone left behind, on every engine that answers; never what belongs to a living one. */
export async function prune({ json }: { readonly json?: boolean }, io: Io): Promise<number> {
  const swept: Record<string, number> = {}
  for (const engine of ['process', 'docker', 'kubernetes'] as const) {
    const workers = await sweep(engine)
    if (workers !== undefined) swept[engine] = workers
  }
  if (json) io.stdout.write(`${JSON.stringify(swept)}\n`)
  else {
    const parts = Object.entries(swept).map(
      ([engine, workers]) => `${workers} ${WORDS[engine as keyof typeof WORDS][workers === 1 ? 0 : 1]}`,
    )
    io.stderr.write(`removed ${parts.join(', ')}\n`)
  }
  return exitCodes.done
}

async function sweep(name: keyof typeof WORDS): Promise<number | undefined> {
  const owner = `s${randomBytes(6).toString('hex')}`
  const directory = createPrivateDirectory(owner)
  try {
    const engine = await openEngine(name, { owner, directory })
    try {
      return await engine.sweep()
    } finally {
      await engine.close()
    }
  } catch (error) {
    if (name === 'process') throw error
    return undefined
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
