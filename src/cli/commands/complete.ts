import type { Command } from 'commander'
import { compileProject } from '../../project/compile-project.ts'
import { describe, type TaskDescription } from '../../project/describe.ts'
import { findPlace, type ProjectPlace } from '../../project/project.ts'
import { resolveTask } from '../../project/resolve-task.ts'
import { chooseTask } from '../choose-task.ts'
import { complete, type CompletionSources } from '../complete.ts'
import { findLiving } from '../control/living-runs.ts'
import { exitCodes } from '../exit-code.ts'
import { knownKeys } from '../inputs/schema-types.ts'
import type { Io } from '../io.ts'
import { openProject } from '../open-project.ts'
import { listRecords, recordsFolder } from '../record/record.ts'

/** Somebody waits with a finger on the key. */
const DESCRIBE_MS = 5_000

/** Prints the candidates for the last word, one a line. Nothing goes wrong aloud while somebody types. */
export async function printCandidates(program: Command, words: readonly string[], io: Io): Promise<number> {
  const candidates = await complete(program, words, sourcesOf(io)).catch(() => [])
  io.stdout.write(candidates.map((candidate) => `${candidate}\n`).join(''))
  return exitCodes.done
}

function sourcesOf(io: Io): CompletionSources {
  const { cwd } = io
  return {
    async tasks(typed) {
      const place = await findPlace(cwd)
      const colon = typed.lastIndexOf(':')
      if (colon < 0) return [...(await compileProject(place)).modules.keys()]
      const name = typed.slice(0, colon)
      return (await tasksOf(name, io)).map((task) => `${name}:${task.export}`)
    },
    async inputs(task) {
      const { input } = chooseTask(await moduleOf(task, io), await tasksOf(task, io))
      return input ? knownKeys(input, input) : []
    },
    clusters: async () => Object.keys((await openProject(cwd, {}, cwd)).config.clusters ?? {}),
    recorded: async () => ['latest', ...recordsOf(await findPlace(cwd))],
    async living() {
      await using living = await findLiving()
      return ['latest', ...living.runs.map(({ id }) => id)]
    },
  }
}

function recordsOf({ root }: ProjectPlace): string[] {
  return listRecords(recordsFolder(root)).map(({ id }) => id)
}

async function moduleOf(name: string, { cwd }: Io): Promise<{ name: string; module: string; export?: string }> {
  return { name, ...(await resolveTask(await openProject(cwd, {}, cwd), name, cwd)) }
}

async function tasksOf(name: string, io: Io): Promise<readonly TaskDescription[]> {
  const { module } = await moduleOf(name, io)
  return await describe(await compileProject(await findPlace(io.cwd)), module, { timeoutMs: DESCRIBE_MS })
}
