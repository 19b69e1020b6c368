import { inspect } from 'node:util'
import { CowaitError, EngineError } from '../core/errors.ts'
import { exitCodeOf, exitCodes } from './exit-code.ts'
import type { Io } from './io.ts'

/** An error that ended a command, for people: its message and what to do. Our own stack only with `--debug`. */
export function errorText(error: unknown, { stderr, debug }: Pick<Io, 'stderr' | 'debug'>): string {
  const { colours } = stderr
  if (debug) return `${inspect(error, { colors: stderr.hasColours })}\n`
  if (!(error instanceof Error)) return `${colours.red('error')} ${String(error)}\n`
  const hint = error instanceof EngineError && error.hint ? `\n${error.hint}` : ''
  const unexpected = error instanceof CowaitError ? '' : `\n${colours.dim('This was not expected; --debug shows where it came from.')}`
  return `${colours.red('error')} ${error.message}${hint}${unexpected}\n`
}

export function exitCodeOfThrown(error: unknown): number {
  return error instanceof CowaitError ? exitCodeOf(error) : exitCodes.failed
}
