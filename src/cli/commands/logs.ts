import { closeSync, openSync, readSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { UsageError } from '../../core/errors.ts'
import type { RunEvent } from '../../core/events.ts'
import { findPlace } from '../../project/project.ts'
import { exitCodes } from '../exit-code.ts'
import type { Io } from '../io.ts'
import { Labels, paintLabel } from '../labels.ts'
import { logText } from '../log-text.ts'
import { listRecords, parseLines, recordsFolder, type RecordResult } from '../record/record.ts'

interface LogFlags {
  readonly follow?: boolean
  readonly json?: boolean
  readonly cwd?: string
}

type Line = RunEvent | RecordResult | { readonly type: 'record' }

const POLL_MS = 200

/** Prints the log lines of a run and of all below it from its record; with `follow`, those that are still to come. */
export async function logs(wanted: string, flags: LogFlags, io: Io): Promise<number> {
  const cwd = resolve(io.cwd, flags.cwd ?? '.')
  const { file, run } = findRun(wanted, recordsFolder((await findPlace(cwd)).root))
  const reader = new RecordReader(file)
  const shown = new Set([run])
  const print = printer(flags, io)
  try {
    for (;;) {
      let isOver = false
      for (const line of reader.read()) {
        if (line.type === 'result') isOver = true
        else if (line.type === 'created' && line.parent !== null && shown.has(line.parent)) shown.add(line.run)
        else if (line.type === 'log' && shown.has(line.run)) print(line)
        else if (line.type === 'settled' && line.run === run) isOver = true
      }
      if (isOver || !flags.follow || io.stop.first) return exitCodes.done
      await delay(POLL_MS)
    }
  } finally {
    reader.close()
  }
}

function printer({ json }: LogFlags, { stdout }: Io): (event: Extract<RunEvent, { type: 'log' }>) => void {
  if (json) return (event) => stdout.write(`${JSON.stringify(event)}\n`)
  const labels = new Labels()
  return (event) => {
    const label = labels.of(event.run)
    stdout.write(`${paintLabel(label, label.text.padEnd(labels.width), stdout.colours)} | ${logText(event, stdout)}\n`)
  }
}

/** The record that holds a run: a root by its file's name, any other run by looking into the records, newest first. */
function findRun(wanted: string, folder: string): { file: string; run: string } {
  const records = listRecords(folder)
  const [newest] = records
  if (wanted === 'latest' && newest) return { file: newest.file, run: newest.id }
  const roots = records.filter(({ id }) => id === wanted || id.startsWith(wanted))
  const root = roots.find(({ id }) => id === wanted) ?? (roots.length === 1 ? roots[0] : undefined)
  if (root) return { file: root.file, run: root.id }
  if (roots.length > 1)
    throw new UsageError(
      `${wanted} fits ${roots.length} runs: ${roots
        .slice(0, 5)
        .map(({ id }) => id)
        .join(', ')}. Give more of the id.`,
    )
  for (const { file } of records) {
    const reader = new RecordReader(file)
    const runs = reader.read().flatMap((line) => (line.type === 'created' && line.run.startsWith(wanted) ? [line.run] : []))
    reader.close()
    const exact = runs.find((run) => run === wanted) ?? (runs.length === 1 ? runs[0] : undefined)
    if (exact !== undefined) return { file, run: exact }
    if (runs.length > 1) throw new UsageError(`${wanted} fits ${runs.length} runs: ${runs.slice(0, 5).join(', ')}. Give more of the id.`)
  }
  throw new UsageError(`There is no record of a run ${wanted} in ${folder}.`)
}

/** Reads a record as far as it is written, and goes on from there the next time. */
class RecordReader {
  readonly #descriptor: number
  readonly #decoder = new TextDecoder()
  #rest = ''

  constructor(file: string) {
    this.#descriptor = openSync(file, 'r')
  }

  read(): Line[] {
    const buffer = Buffer.alloc(1024 * 1024)
    let text = this.#rest
    for (let length = readSync(this.#descriptor, buffer, {}); length > 0; length = readSync(this.#descriptor, buffer, {})) {
      text += this.#decoder.decode(buffer.subarray(0, length), { stream: true })
    }
    const end = text.lastIndexOf('\n') + 1
    this.#rest = text.slice(end)
    return parseLines(text.slice(0, end)) as Line[]
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}
