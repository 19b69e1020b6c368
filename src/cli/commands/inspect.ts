import { resolve } from 'node:path'
import { findPlace } from '../../project/project.ts'
import { exitCodes } from '../exit-code.ts'
import type { Io } from '../io.ts'
import { findRun } from '../record/find-run.ts'
import { readRecord, recordsFolder } from '../record/record.ts'
import { RunBoard } from '../run-board.ts'
import { runRecord } from '../views/json.ts'

/** Prints everything that is known of a run and of what it called, from its record, as JSON. */
export async function inspect(wanted: string, flags: { readonly cwd?: string }, io: Io): Promise<number> {
  const cwd = resolve(io.cwd, flags.cwd ?? '.')
  const { file, run } = findRun(wanted, recordsFolder((await findPlace(cwd)).root))
  const board = new RunBoard()
  for (const event of readRecord(file).events) board.apply(event)
  const entry = board.get(run)
  const record = entry && { ...runRecord(entry), record: file }
  io.stdout.write(`${JSON.stringify(record, null, io.stdout.isTerminal ? 2 : undefined)}\n`)
  return exitCodes.done
}
