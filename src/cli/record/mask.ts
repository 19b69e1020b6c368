const STRUCTURE: ReadonlySet<string> = new Set([
  'type',
  'run',
  'root',
  'parent',
  'status',
  'stream',
  'level',
  'code',
  'format',
  'phase',
  'worker',
  'engine',
  'module',
  'export',
])

/** Hides texts in what people and tasks wrote, never in the record's own words. Short texts are left alone: they would turn half of it into stars. */
export function maskOf(secrets: readonly string[]): ((key: string, value: unknown) => unknown) | undefined {
  const texts = [...new Set(secrets.filter((text) => text.length >= 6))].toSorted((a, b) => b.length - a.length)
  if (texts.length === 0) return undefined
  const pattern = new RegExp(texts.map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join('|'), 'g')
  return (key, value) => (typeof value === 'string' && !STRUCTURE.has(key) ? value.replace(pattern, '***') : value)
}

/** A copy without the texts. */
export function masked<T>(value: T, mask: ReturnType<typeof maskOf>): T {
  return mask === undefined ? value : (JSON.parse(JSON.stringify(value, mask)) as T)
}
