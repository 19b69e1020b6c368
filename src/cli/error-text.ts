import { join } from 'node:path'
import { inspect } from 'node:util'
import { CowaitError, EngineError } from '../core/errors.ts'
import { ownPackage } from '../project/package-root.ts'
import { exitCodeOf, exitCodes } from './exit-code.ts'
import type { Io } from './io.ts'
import { safeText } from '../client/safe-text.ts'

/** An error that ended a command, for people: its message and what to do. Our own stack only with `--debug`. */
export function errorText(error: unknown, { stderr, debug }: Pick<Io, 'stderr' | 'debug'>): string {
  const { colours } = stderr
  if (debug) return `${inspect(error, { colors: stderr.hasColours })}\n`
  if (!(error instanceof Error)) return `${colours.red('error')} ${String(error)}\n`
  const hint = error instanceof EngineError && error.hint ? `\n${error.hint}` : ''
  const unexpected = error instanceof CowaitError ? '' : `\n${colours.dim('This was not expected; --debug shows where it came from.')}`
  return `${colours.red('error')} ${error.message}${hint}${framesText(error)}${unexpected}\n`
}

/** Where the code of a task that could not be loaded threw: its own lines, none of Node's and none of ours. */
export function framesText(error: unknown): string {
  if (!(error instanceof CowaitError) || error.code !== 'TASK_NOT_LOADED' || !(error.cause instanceof Error)) return ''
  const ours = join(ownPackage().root, 'dist')
  const frames = (error.cause.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at .*\/.*:\d+:\d+\)?$/.test(line) && !/\bnode:/.test(line) && !line.includes(ours))
  return frames
    .slice(0, 5)
    .map((line) => `\n${safeText(line, false)}`)
    .join('')
}

export function exitCodeOfThrown(error: unknown): number {
  return error instanceof CowaitError ? exitCodeOf(error) : exitCodes.failed
}
