import { existsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { findPlace } from '../../project/project.ts'
import { exitCodes } from '../exit-code.ts'
import type { Io } from '../io.ts'
import { pickRecord, readRecord, recordsFolder } from '../record/record.ts'
import { reportData } from '../report/report-data.ts'
import { reportPage } from '../report/report-page.ts'

interface ReportFlags {
  readonly output?: string
  readonly cwd?: string
}

/** Makes one HTML page of a run's record, and answers where it is on stdout. */
export async function report(wanted: string, flags: ReportFlags, io: Io): Promise<number> {
  const cwd = resolve(io.cwd, flags.cwd ?? '.')
  const folder = recordsFolder((await findPlace(cwd)).root)
  const isFile = wanted.endsWith('.ndjson') && existsSync(resolve(cwd, wanted))
  const file = isFile ? resolve(cwd, wanted) : pickRecord(wanted, folder).file
  const record = readRecord(file)
  const page = reportPage(reportData(record))
  if (flags.output === '-') io.stdout.write(page)
  else {
    const target = flags.output === undefined ? join(folder, `${record.header.root}.html`) : resolve(cwd, flags.output)
    writeFileSync(target, page, { mode: 0o600 })
    io.stdout.write(`${target}\n`)
  }
  return exitCodes.done
}
