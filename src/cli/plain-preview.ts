import type { Preview } from '../core/events.ts'
import { toPlainJson } from '../core/values/plain-json.ts'

/** A previewed value as plain JSON data under `name`, or its size under `nameBytes` where the events did not carry all of it. */
export function plainPreview(name: 'input' | 'output', preview: Preview | undefined): Record<string, unknown> {
  if (!preview) return {}
  if ('bytes' in preview) return { [`${name}Bytes`]: preview.bytes }
  const data = new TextEncoder().encode(preview.text)
  try {
    const value = toPlainJson({ format: preview.format, textBytes: data.length, data })
    return value === undefined ? {} : { [name]: value }
  } catch {
    // Bytes that were attached are not part of a preview.
    return { [`${name}Text`]: preview.text }
  }
}
