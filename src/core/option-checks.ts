/** What single options may hold. Each check answers what is wrong, to be put after the value: `"a b" is not ...`. */
import { MAX_DURATION_MS } from './duration.ts'
import { show } from './show.ts'

/** What is wrong with a value, if anything. */
export type Problem = string | undefined

/** A kernel passes no longer string to a program. */
const MAX_ENV_BYTES = 131_072
const MAX_TEXT = 4_096

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** One line of text: names, images, tags. */
export function textProblem(value: unknown): Problem {
  if (typeof value !== 'string') return `is not a text`
  if (value.trim() === '') return 'is empty'
  if (value.length > MAX_TEXT) return `is longer than ${MAX_TEXT} characters`
  return hasControlCharacter(value) ? 'contains a control character' : undefined
}

export function imageProblem(value: unknown): Problem {
  const problem = textProblem(value)
  if (problem) return problem
  return /^-|\s/.test(value as string) ? 'is not the name of an image, such as "node:24-slim"' : undefined
}

export function envNameProblem(name: string): Problem {
  if (name === '') return 'is empty'
  return /[=\0\s]/.test(name) ? 'is not a name of a variable: it must not contain "=", spaces or NUL' : undefined
}

export function envValueProblem(name: string, value: unknown): Problem {
  if (typeof value !== 'string') return `is not a text: write ${JSON.stringify(String(value))}`
  if (value.includes('\0')) return 'contains a NUL character, which no variable can hold'
  const bytes = Buffer.byteLength(name) + Buffer.byteLength(value) + 2
  return bytes > MAX_ENV_BYTES ? `has ${bytes} bytes; a variable can hold ${MAX_ENV_BYTES}: pass it as input` : undefined
}

export function pathProblem(path: unknown): Problem {
  if (typeof path !== 'string' || !path.startsWith('/')) return 'is not an absolute path: write one that begins with "/"'
  if (path.includes('\0')) return 'contains a NUL character'
  return path.split('/').includes('..') ? 'contains "..": write the path without it' : undefined
}

export function volumeNameProblem(name: unknown): Problem {
  return typeof name === 'string' && /^[a-zA-Z\d][\w.-]{0,127}$/.test(name)
    ? undefined
    : 'is not the name of a volume: letters, digits, "_", "." and "-"'
}

export function portProblem(port: unknown, least: number): Problem {
  return Number.isInteger(port) && (port as number) >= least && (port as number) <= 65_535
    ? undefined
    : `is not a port: write a number from ${least} to 65535`
}

/** For a port that is the key of an object. */
export function portKeyProblem(key: string): Problem {
  return portProblem(/^[1-9]\d{0,4}$/.test(key) ? Number(key) : key, 1)
}

/** For counts: whole and at least `least`. */
export function countProblem(value: unknown, least: number): Problem {
  return Number.isSafeInteger(value) && (value as number) >= least ? undefined : `is not a whole number from ${least}`
}

/** For amounts: finite and at least `least`. */
export function amountProblem(value: unknown, least: number): Problem {
  return typeof value === 'number' && Number.isFinite(value) && value >= least ? undefined : `is not a number from ${least}`
}

/** For milliseconds: what a timer can wait. */
export function timeProblem(value: unknown, least: number): Problem {
  return amountProblem(value, least) ?? ((value as number) > MAX_DURATION_MS ? `is more than ${MAX_DURATION_MS} ms` : undefined)
}

export function choiceProblem(value: unknown, choices: readonly string[]): Problem {
  return choices.includes(value as string) ? undefined : `is none of ${choices.map(show).join(', ')}`
}

export function tagProblem(key: string, value: unknown): Problem {
  if (key.trim() === '') return 'has an empty key'
  if (hasControlCharacter(key)) return 'has a key with a control character'
  if (typeof value !== 'string') return `is not a text: write ${JSON.stringify(String(value))}`
  return hasControlCharacter(value) ? 'contains a control character' : undefined
}

function hasControlCharacter(text: string): boolean {
  return /\p{Cc}/u.test(text)
}

export const orphanChoices: readonly ['cancel', 'wait', 'fail'] = ['cancel', 'wait', 'fail']
