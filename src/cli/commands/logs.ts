import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { RunEvent } from '../../core/events.ts'
import { isAbandoned } from '../../engines/origin.ts'
import { findPlace } from '../../project/project.ts'
import type { Search } from '../control/search.ts'
import { detachedNamed, findDetached } from '../detached/find.ts'
import { exitCodes } from '../exit-code.ts'
import type { Io } from '../io.ts'
import { Labels, paintLabel } from '../labels.ts'
import { logText } from '../log-text.ts'
import { findRun } from '../record/find-run.ts'
import { RecordReader, type RecordLine } from '../record/record-reader.ts'
import { parseLines, recordsFolder, type RecordHeader } from '../record/record.ts'

interface LogFlags {
  readonly follow?: boolean
  readonly json?: boolean
  readonly cwd?: string
}

const POLL_MS = 200

/** Prints the log lines of a run and of all below it from its record; with `follow`, those that are still to come. */
export async function logs(wanted: string, flags: LogFlags, io: Io): Promise<number> {
  const cwd = resolve(io.cwd, flags.cwd ?? '.')
  const folder = recordsFolder((await findPlace(cwd)).root)
  const found = lookFor(wanted, folder)
  if ('fault' in found) {
    for (const search of [{}, { everywhere: true }]) if (await detachedLogs(wanted, flags, io, search)) return exitCodes.done
    throw found.fault
  }
  const reader = new RecordReader(found.file)
  const lines = new LogLines(found.run, printer(flags, io))
  let origin: RecordHeader['origin'] = {}
  try {
    for (;;) {
      // Asked before reading: what it wrote before it went is there.
      const isCutOff = flags.follow && (await isAbandoned(origin, ''))
      for (const line of reader.read()) {
        if (line.type === 'record') ({ origin = {} } = line)
        lines.take(line)
      }
      if (lines.isOver || !flags.follow || io.stop.first) {
        if (lines.printed === 0) io.stderr.write(`${found.run} has printed nothing\n`)
        return exitCodes.done
      }
      if (isCutOff) {
        io.stderr.write(`${found.run} is not followed any further: the command line that ran it was killed, and its record ends here\n`)
        return exitCodes.lost
      }
      await delay(POLL_MS)
    }
  } finally {
    reader.close()
  }
}

function lookFor(wanted: string, folder: string): ReturnType<typeof findRun> | { readonly fault: unknown } {
  try {
    return findRun(wanted, folder)
  } catch (fault) {
    return { fault }
  }
}

/** False when no detached tree has that name. */
async function detachedLogs(wanted: string, { follow = false, json }: LogFlags, io: Io, search: Search): Promise<boolean> {
  await using found = await findDetached(io, search)
  const tree = detachedNamed(wanted, found.trees)
  if (!tree) return false
  const stop = new AbortController()
  io.stop.listen(() => stop.abort())
  const lines = new LogLines(tree.run, printer({ ...(json && { json }) }, io))
  try {
    for await (const line of tree.supervisors.lines(tree.run, { follow, signal: stop.signal })) {
      for (const event of parseLines(line)) lines.take(event as RecordLine)
      if (lines.isOver) break
    }
  } catch (error) {
    if (!io.stop.first) throw error
  }
  return true
}

/** Picks the log lines of one run and of all below it. */
class LogLines {
  isOver = false
  printed = 0
  readonly #run: string
  readonly #shown: Set<string>
  readonly #print: (event: Extract<RunEvent, { type: 'log' }>) => void

  constructor(run: string, print: (event: Extract<RunEvent, { type: 'log' }>) => void) {
    this.#run = run
    this.#shown = new Set([run])
    this.#print = print
  }

  take(line: RecordLine): void {
    if (line.type === 'result') this.isOver = true
    else if (line.type === 'created' && line.parent !== null && this.#shown.has(line.parent)) this.#shown.add(line.run)
    else if (line.type === 'log' && this.#shown.has(line.run)) {
      this.printed++
      this.#print(line)
    } else if (line.type === 'settled' && line.run === this.#run) this.isOver = true
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
