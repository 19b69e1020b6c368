import { formatDuration } from '../../core/duration.ts'

/** How long an engine may take to say what it has. */
export const ANSWER_MS = 5_000

/** Somebody was asked and said nothing: it hangs, or is far too busy. */
export class LateError extends Error {
  override readonly name = 'LateError'

  constructor(who: string, limitMs: number) {
    super(`${who} did not answer within ${formatDuration(limitMs)}: it may be hanging`)
  }
}

/** Rejects with a `LateError` when the answer takes longer. */
export async function inTime<T>(answer: Promise<T>, who: string, limitMs: number = ANSWER_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new LateError(who, limitMs)), limitMs)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
