import { UsageError } from './errors.ts'
import { show } from './show.ts'

/** What is wrong with what is given as a signal of `name`; undefined where nothing is. */
export function signalFault(signal: unknown, name: string): UsageError | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return undefined
  return new UsageError(`${name}: signal: ${show(signal)} is not an AbortSignal.`)
}

/** Throws a `UsageError` for it. */
export function checkSignal(signal: unknown, name: string): asserts signal is AbortSignal | undefined {
  const fault = signalFault(signal, name)
  if (fault) throw fault
}
