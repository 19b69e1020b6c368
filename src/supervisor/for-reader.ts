import type { RunEvent } from '../core/events.ts'

/** A reader that is this far behind gets less. */
const maxBehindBytes = 8 * 1024 * 1024

/** What a reader for whom so much waits gets of an event: one that is far behind no log lines, no progress and no values. */
export function forReader(event: RunEvent, waitingBytes: number): RunEvent | undefined {
  if (waitingBytes <= maxBehindBytes) return event
  switch (event.type) {
    case 'log':
    case 'progress':
      return undefined
    case 'created': {
      const { input: _input, ...rest } = event
      return rest
    }
    case 'settled': {
      const { output: _output, ...rest } = event
      return rest
    }
    default:
      return event
  }
}
