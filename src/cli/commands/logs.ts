import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { RunEvent } from '../../core/events.ts'
import { findPlace } from '../../project/project.ts'
import { exitCodes } from '../exit-code.ts'
import type { Io } from '../io.ts'
import { Labels, paintLabel } from '../labels.ts'
import { logText } from '../log-text.ts'
import { findRun } from '../record/find-run.ts'
import { RecordReader } from '../record/record-reader.ts'
import { recordsFolder } from '../record/record.ts'

interface LogFlags {
  readonly follow?: boolean
  readonly json?: boolean
  readonly cwd?: string
}

const POLL_MS = 200

/** Prints the log lines of a run and of all below it from its record; with `follow`, those that are still to come. */
export async function logs(wanted: string, flags: LogFlags, io: Io): Promise<number> {
  const cwd = resolve(io.cwd, flags.cwd ?? '.')
  const { file, run } = findRun(wanted, recordsFolder((await findPlace(cwd)).root))
  const reader = new RecordReader(file)
  const shown = new Set([run])
  const print = printer(flags, io)
  let lines = 0
  try {
    for (;;) {
      let isOver = false
      for (const line of reader.read()) {
        if (line.type === 'result') isOver = true
        else if (line.type === 'created' && line.parent !== null && shown.has(line.parent)) shown.add(line.run)
        else if (line.type === 'log' && shown.has(line.run)) {
          lines++
          print(line)
        } else if (line.type === 'settled' && line.run === run) isOver = true
      }
      if (isOver || !flags.follow || io.stop.first) {
        if (lines === 0) io.stderr.write(`${run} has printed nothing\n`)
        return exitCodes.done
      }
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
