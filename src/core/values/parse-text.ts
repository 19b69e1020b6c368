import { ProtocolError } from '../errors.ts'
import type { Encoded } from '../value.ts'
import { MAX_DEPTH } from './limits.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The JSON of a document, its tags still in it. Throws a `ProtocolError` that begins with `label`. */
export function parseText({ format, textBytes, data }: Encoded, label: string): unknown {
  if (!Number.isSafeInteger(textBytes) || textBytes < 0 || textBytes > data.length) {
    throw new ProtocolError(`${label}: ${textBytes} bytes of text cannot be in a document of ${data.length} bytes.`)
  }
  if (format !== 'json' && format !== 'tagged')
    throw new ProtocolError(`${label}: ${JSON.stringify(format)} is not a format: json or tagged.`)
  if (format === 'json' && textBytes !== data.length) throw new ProtocolError(`${label}: plain JSON has no attachments.`)
  const bytes = data.subarray(0, textBytes)
  if (isTooDeep(bytes)) throw new ProtocolError(`${label} is nested more than ${MAX_DEPTH} levels deep.`)
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch (cause) {
    throw new ProtocolError(`${label} is not JSON in UTF-8: ${(cause as Error).message}`, { cause })
  }
}

/** Looked up before parsing, so that neither our walk nor any later one meets a document that overflows its stack. */
function isTooDeep(json: Uint8Array): boolean {
  if (json.length <= MAX_DEPTH) return false
  let depth = 0
  for (let i = 0; i < json.length; i++) {
    const byte = json[i]
    if (byte === 0x22) {
      i = endOfString(json, i)
    } else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > MAX_DEPTH) return true
    } else if (byte === 0x7d || byte === 0x5d) {
      depth--
    }
  }
  return false
}

function endOfString(json: Uint8Array, start: number): number {
  let i = start + 1
  while (i < json.length && json[i] !== 0x22) i += json[i] === 0x5c ? 2 : 1
  return i
}
