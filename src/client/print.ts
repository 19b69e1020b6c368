/** What a script's own terminal shows of its runs: their log lines on stderr, with the run's id in front. */
import { inspect } from 'node:util'
import type { RunEvent } from '../core/events.ts'

export function printEvent(event: RunEvent): void {
  if (event.type === 'log') process.stderr.write(`${event.run} | ${event.text}${event.more ? '' : '\n'}`)
  else if (event.type === 'notice') process.stderr.write(`${event.run} | ${event.text}\n`)
  else if (event.type === 'dropped') process.stderr.write(`${event.run} | ... ${event.lines} lines were dropped: this process was busy\n`)
}

export function printFailure(error: Error): void {
  process.stderr.write(`A call failed and nobody looked at it:\n${inspect(error)}\n`)
}
