import type { Preview } from '../events.ts'
import type { Encoded } from '../value.ts'

/** Not strict: a preview is for people, and the bytes come from a worker. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** The value's text, or only its size when the text is longer than `maxBytes`. Attachments are left out. Does not parse. */
export function preview(encoded: Encoded, maxBytes = 65_536): Preview {
  const { format, textBytes, data } = encoded
  if (textBytes > maxBytes) return { bytes: data.length }
  return { format, text: utf8.decode(data.subarray(0, textBytes)).trimEnd() }
}
