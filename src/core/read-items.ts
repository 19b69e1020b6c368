import { ProtocolError } from './errors.ts'
import type { LineMessage } from './line.ts'
import { decode } from './values/decode.ts'

/** The items of a stream that a message holds. Throws a `ProtocolError` unless they are as many as it counts: credit is given for that. */
export function readItems({ count, value }: Extract<LineMessage, { type: 'items' }>): unknown[] {
  const items = decode(value, { label: 'items', isShared: count > 1 })
  if (Array.isArray(items) && items.length === count) return items
  const came = Array.isArray(items) ? `a list of ${items.length}` : 'no list'
  throw new ProtocolError(`${count} items of a stream were announced, and ${came} came.`)
}
