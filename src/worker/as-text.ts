import { format } from 'node:util'
import { show } from '../core/show.ts'

/** What is no text, though the types ask for it, as `console` would print it. Never throws. */
export function asText(value: unknown): string {
  if (typeof value === 'string') return value
  try {
    return format(value)
  } catch {
    return show(value)
  }
}
