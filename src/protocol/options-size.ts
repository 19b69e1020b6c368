import type { RunOptions } from '../core/options.ts'

/** Options come back in events, so they must not fill a frame alone. */
const MAX_OPTIONS_BYTES = 1024 * 1024

/** What is wrong with options that are too large to travel. */
export function sizeProblem(options: RunOptions): string | undefined {
  const size = JSON.stringify(options).length
  return size > MAX_OPTIONS_BYTES ? `${size} bytes; at most ${MAX_OPTIONS_BYTES} are allowed` : undefined
}
