import type { RunRetry } from '../core/options.ts'

/** The pause before the next attempt: doubling by default, with up to a tenth of jitter so that siblings do not return in step. */
export function retryDelayMs(retry: RunRetry | undefined, attempt: number, random: number): number {
  const { delayMs, factor, maxDelayMs } = retry ?? { delayMs: 1_000, factor: 2, maxDelayMs: 60_000 }
  const plain = Math.min(maxDelayMs, delayMs * factor ** (attempt - 1))
  return Math.round(plain * (0.9 + 0.1 * random))
}
