import { userFrames } from './stack-text.ts'

/** The same error, with a stack that begins at the line that called `below`: a mistake shows where it was made. */
export function atCallerLine<E extends Error>(error: E, below: (...args: never[]) => unknown): E {
  Error.captureStackTrace(error, below)
  return error
}

/** Does what may refuse its arguments; the refusal is told at the line that called `below`. */
export function checkedFor<T>(below: (...args: never[]) => unknown, check: () => T): T {
  try {
    return check()
  } catch (error) {
    throw atCallerLine(error as Error, below)
  }
}

/** Frames of ours stand between the user's where words are nested; they are left out, so they do not count. */
const OUR_FRAMES = 30

/** The user's frames above `below`, as text. */
export function captureFrames(below: (...args: never[]) => unknown): string {
  const { stackTraceLimit } = Error
  const holder: { stack?: string } = {}
  try {
    Error.stackTraceLimit = stackTraceLimit + OUR_FRAMES
    Error.captureStackTrace(holder, below)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
  return userFrames(holder.stack ?? '')
    .slice(0, stackTraceLimit)
    .join('\n')
}
