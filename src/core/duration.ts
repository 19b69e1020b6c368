import { UsageError } from './errors.ts'
import { show } from './show.ts'

/** A length of time: a bare number is milliseconds, a string carries its unit. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

/** What a timer can hold: 24 days and 20 hours. */
export const MAX_DURATION_MS: number = 2 ** 31 - 1
const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Whole milliseconds. Throws a `UsageError` that begins with `label`. */
export function parseDuration(value: unknown, label: string): number {
  const ms = typeof value === 'number' ? value : readText(value)
  if (Number.isNaN(ms)) throw new UsageError(`${label}: ${show(value)} is not a duration: write 500, "500ms", "5s", "2m", "1h" or "1d"`)
  if (ms < 0) throw new UsageError(`${label}: ${show(value)} is negative: a duration is 0 or more`)
  if (ms > MAX_DURATION_MS)
    throw new UsageError(`${label}: ${show(value)} is longer than a timer can wait: at most ${MAX_DURATION_MS} ms, a little under 25 days`)
  return Math.round(ms)
}

function readText(value: unknown): number {
  const [, amount, unit] = (typeof value === 'string' && /^(-?\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value)) || []
  return amount === undefined || unit === undefined ? Number.NaN : Number(amount) * (unitMs[unit] ?? Number.NaN)
}

/** For people: `350ms`, `1.2s`, `2m 5s`, `1h 3m`, `2d 4h`. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)}ms`
  if (ms < 9_950) return `${Number((ms / 1_000).toFixed(1))}s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3_600) return joined(seconds, 60, 'm', 's')
  const minutes = Math.round(seconds / 60)
  return minutes < 1_440 ? joined(minutes, 60, 'h', 'm') : joined(Math.round(minutes / 60), 24, 'd', 'h')
}

function joined(amount: number, size: number, large: string, small: string): string {
  const rest = amount % size
  return `${Math.floor(amount / size)}${large}${rest === 0 ? '' : ` ${rest}${small}`}`
}
