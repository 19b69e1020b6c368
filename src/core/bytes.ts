import { UsageError } from './errors.ts'
import { show } from './show.ts'

/** An amount of memory: powers of 1024, so `'1k'` and `'1Ki'` are both 1024. A bare number is bytes. */
export type Bytes = number | `${number}${'k' | 'm' | 'g' | 't' | 'Ki' | 'Mi' | 'Gi' | 'Ti'}`

const powers: Readonly<Record<string, number>> = { k: 1, m: 2, g: 3, t: 4 }
const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** Whole bytes. Throws a `UsageError` that begins with `label`. */
export function parseBytes(value: unknown, label: string): number {
  const bytes = typeof value === 'number' ? value : readText(value)
  if (Number.isNaN(bytes)) {
    throw new UsageError(
      `${label}: ${show(value)} is not an amount of memory: write bytes as a number, "512k", "512m", "2g" or "2Gi" (powers of 1024)`,
    )
  }
  if (bytes < 0) throw new UsageError(`${label}: ${show(value)} is negative: an amount of memory is 0 or more`)
  if (bytes > Number.MAX_SAFE_INTEGER) throw new UsageError(`${label}: ${show(value)} is more memory than can be counted`)
  if (typeof value === 'number' && !Number.isInteger(value)) throw new UsageError(`${label}: ${show(value)} is not a whole number of bytes`)
  return Math.floor(bytes)
}

function readText(value: unknown): number {
  const [, amount, unit] = (typeof value === 'string' && /^(-?\d+(?:\.\d+)?)(k|m|g|t|Ki|Mi|Gi|Ti)$/.exec(value)) || []
  return amount === undefined || unit === undefined
    ? Number.NaN
    : Number(amount) * 1_024 ** (powers[unit.charAt(0).toLowerCase()] ?? Number.NaN)
}

/** For people: `512 B`, `1.5 KiB`, `64 MiB`. */
export function formatBytes(bytes: number): string {
  let value = Math.abs(bytes)
  let unit = 0
  while (rounded(value) >= 1_024 && unit < units.length - 1) {
    value /= 1_024
    unit++
  }
  return `${bytes < 0 ? '-' : ''}${rounded(value)} ${units[unit]}`
}

function rounded(value: number): number {
  return value < 100 ? Number(value.toFixed(1)) : Math.round(value)
}
