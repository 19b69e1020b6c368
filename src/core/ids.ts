const MAX_LENGTH = 63
const RANDOM_LENGTH = 8
const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** An id for a run of this name: a DNS label with a random end, `sum-of-squares-x7k2m9qd`. */
export function createRunId(name: string): string {
  const label = kebab(name)
    .slice(0, MAX_LENGTH - RANDOM_LENGTH - 1)
    .replace(/-$/, '')
  return `${label}-${randomText()}`
}

/** A name as a DNS label without a length limit: `sumOfSquares` is `sum-of-squares`. Begins with a letter. */
export function kebab(name: string): string {
  const words = name
    .slice(0, 1_000)
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/([a-z\d])([A-Z])/g, '$1-$2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1-$2')
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter((word) => word !== '')
    .join('-')
  return /^[a-z]/.test(words) ? words : ['task', words].filter((word) => word !== '').join('-')
}

/** Whether a text may be a run's id: a DNS label that begins with a letter, 63 characters at most. */
export function isRunId(text: unknown): text is string {
  return typeof text === 'string' && /^[a-z](?:[a-z\d-]{0,61}[a-z\d])?$/.test(text)
}

/** Loads what makes random bytes now: it takes a tenth of a worker's start, and most workers call nothing. */
function randomText(): string {
  const { randomBytes } = process.getBuiltinModule('node:crypto')
  let text = ''
  while (text.length < RANDOM_LENGTH) {
    for (const byte of randomBytes(RANDOM_LENGTH * 2)) {
      if (byte < 252 && text.length < RANDOM_LENGTH) text += alphabet[byte % 36]
    }
  }
  return text
}
