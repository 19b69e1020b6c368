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

const POOL_SIZE = 512
let pool: Uint8Array = new Uint8Array()
let used = 0

function randomText(): string {
  let text = ''
  while (text.length < RANDOM_LENGTH) {
    const byte = randomByte()
    if (byte < 252) text += alphabet[byte % 36]
  }
  return text
}

/** Many at once, each given once. Loads what makes them at the first: it takes a tenth of a worker's start, and most workers call nothing. */
function randomByte(): number {
  if (used === pool.length) {
    pool = process.getBuiltinModule('node:crypto').randomBytes(POOL_SIZE)
    used = 0
  }
  return pool[used++] as number
}
