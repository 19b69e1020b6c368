import type { Preview } from '../core/events.ts'

/** A previewed value as plain JSON data under `name`, or its size under `nameBytes` where the events did not carry it. */
export function plainPreview<Name extends 'input' | 'output'>(name: Name, preview: Preview | undefined): Record<string, unknown> {
  if (!preview) return {}
  if ('bytes' in preview) return { [`${name}Bytes`]: preview.bytes }
  return { [name]: JSON.parse(preview.text) as unknown }
}
