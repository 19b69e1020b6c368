import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../../core/errors.ts'
import type { RunEvent } from '../../core/events.ts'

export const RECORD_VERSION = 1

/** The first line of a record. */
export interface RecordHeader {
  readonly type: 'record'
  readonly version: number
  /** The root run. */
  readonly root: string
  readonly command: readonly string[]
  readonly at: number
  readonly pid: number
  /** Of the command line that writes it, as engines know it. */
  readonly origin?: Readonly<Record<string, string>>
}

/** The last line of a record that is complete. */
export interface RecordResult {
  readonly type: 'result'
  readonly run: string
  readonly status: string
  readonly exitCode: number
  readonly durationMs: number
  readonly left: readonly string[]
}

export interface RunRecordFile {
  readonly header: RecordHeader
  readonly events: readonly RunEvent[]
  /** Missing while the run lives, and for good if its command line was killed. */
  readonly result?: RecordResult
}

export interface RecordEntry {
  readonly file: string
  /** The root run. */
  readonly id: string
  readonly bytes: number
}

const NAME = /^(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3})-(.+)\.ndjson$/

export function recordsFolder(projectRoot: string): string {
  return join(projectRoot, '.cowait', 'runs')
}

/** The records of a folder, newest first. */
export function listRecords(folder: string): RecordEntry[] {
  return namesIn(folder)
    .filter((name) => NAME.test(name))
    .map((name) => ({ file: join(folder, name), id: NAME.exec(name)?.[2] ?? '', bytes: sizeOf(join(folder, name)) }))
    .toSorted((a, b) => (a.file < b.file ? 1 : -1))
}

/** The record that a root run's id, a prefix of it that fits one record, or `latest` means. */
export function pickRecord(wanted: string, folder: string): RecordEntry {
  const records = listRecords(folder)
  const found = wanted === 'latest' ? records.slice(0, 1) : records.filter(({ id }) => id === wanted)
  const fitting = found.length > 0 ? found : records.filter(({ id }) => id.startsWith(wanted))
  const [only, ...others] = fitting
  if (!only) {
    throw new UsageError(
      records.length === 0 ? noRecords(folder) : `There is no record of ${wanted} in ${folder}; the newest is ${records[0]?.id}.`,
    )
  }
  if (others.length > 0)
    throw new UsageError(
      `${wanted} fits ${fitting.length} records: ${fitting
        .slice(0, 5)
        .map(({ id }) => id)
        .join(', ')}. Give more of the id.`,
    )
  return only
}

export function noRecords(folder: string): string {
  return `No run is recorded in ${folder}: "cowait run" records those that it starts.`
}

/** Reads a record. Lines that are not JSON, as after a power cut, are left out. Throws for a file that is no record. */
export function readRecord(file: string): RunRecordFile {
  const lines = parseLines(readWhole(file))
  const [header, ...rest] = lines as [RecordHeader | undefined, ...(RunEvent | RecordResult)[]]
  if (header?.type !== 'record') throw new UsageError(`${file} is not a record of a run.`)
  if (header.version !== RECORD_VERSION)
    throw new UsageError(`${file} was written by another version (record version ${header.version}; this one reads ${RECORD_VERSION}).`)
  const result = rest.find((line) => line.type === 'result')
  return { header, events: rest.filter((line) => line.type !== 'result'), ...(result && { result }) }
}

function readWhole(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`The record ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`, { cause: error })
  }
}

export function parseLines(text: string): unknown[] {
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as unknown]
    } catch {
      return []
    }
  })
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
