import { inspect } from 'node:util'

const MAX_LENGTH = 120

/** Any value in a few words, for messages: `"5x"`, `[1, 2]`, `{ a: 1 }`. Never throws. */
export function show(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, MAX_LENGTH * 2)) : inspected(value)
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text
}

function inspected(value: unknown): string {
  try {
    return inspect(value, {
      depth: 1,
      breakLength: Infinity,
      compact: true,
      customInspect: false,
      maxArrayLength: 8,
      maxStringLength: MAX_LENGTH,
    })
  } catch {
    return `a value of type ${typeof value} that cannot be shown`
  }
}
