import { UsageError } from './errors.ts'
import { show } from './show.ts'

/** Throws a `UsageError` for what is given as a signal of `name` and is none. */
export function checkSignal(signal: unknown, name: string): asserts signal is AbortSignal | undefined {
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new UsageError(`${name}: signal: ${show(signal)} is not an AbortSignal.`)
}
