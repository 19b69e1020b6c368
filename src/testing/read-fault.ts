import { parseDuration } from '../core/duration.ts'
import { UsageError } from '../core/errors.ts'
import { show } from '../core/show.ts'
import type { Blow } from './stand-in.ts'
import type { Fault } from './types.ts'

export interface ReadFault {
  readonly nth: number | undefined
  readonly blow: Blow
}

/** Throws a `UsageError` for what is no fault. */
export function readFault({ nth, kind, delay, error }: Fault, task: string): ReadFault {
  if (nth !== undefined && !(Number.isSafeInteger(nth) && nth > 0))
    throw new UsageError(`fault(${task}): nth: ${show(nth)} is not the number of a call: the first one is 1.`)
  if (error !== undefined && !(error instanceof Error)) throw new UsageError(`fault(${task}): error: ${show(error)} is not an Error.`)
  switch (kind) {
    case 'lose':
      return { nth, blow: { kind } }
    case 'fail':
      return { nth, blow: { kind, error: error ?? new Error(`${task} fails by a fault of the test`) } }
    case 'delay':
      if (delay === undefined) throw new UsageError(`fault(${task}): a fault of kind "delay" needs a delay, such as "5s".`)
      return { nth, blow: { kind, ms: parseDuration(delay, `fault(${task}): delay`) } }
    default:
      throw new UsageError(`fault(${task}): kind: ${show(kind)} is not known: write "lose", "fail" or "delay".`)
  }
}
