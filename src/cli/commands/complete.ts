import type { Command } from 'commander'
import { compileProject } from '../../project/compile-project.ts'
import { findPlace } from '../../project/project.ts'
import { complete } from '../complete.ts'
import { exitCodes } from '../exit-code.ts'
import type { Io } from '../io.ts'

/** Prints the candidates for the last word, one a line. Nothing goes wrong aloud while somebody types. */
export async function printCandidates(program: Command, words: readonly string[], io: Io): Promise<number> {
  const candidates = await complete(program, words, () => moduleNames(io.cwd)).catch(() => [])
  io.stdout.write(candidates.map((candidate) => `${candidate}\n`).join(''))
  return exitCodes.done
}

async function moduleNames(cwd: string): Promise<readonly string[]> {
  const { modules } = await compileProject(await findPlace(cwd))
  return [...modules.keys()]
}
