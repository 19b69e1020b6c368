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

/** The user's frames above `below`, as text. */
export function captureFrames(below: (...args: never[]) => unknown): string {
  const holder: { stack?: string } = {}
  Error.captureStackTrace(holder, below)
  return userFrames(holder.stack ?? '').join('\n')
}
