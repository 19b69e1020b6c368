/** Lays a person's part of an object over ours: objects merge, lists merge by the `name` of their entries, all else is replaced. */
export function mergePatch(base: unknown, patch: unknown): unknown {
  if (Array.isArray(base) && Array.isArray(patch) && [...base, ...patch].every(hasName)) {
    const merged = base.map((one) => mergePatch(one, patch.find((other) => nameOf(other) === nameOf(one)) ?? {}))
    return [...merged, ...patch.filter((other) => !base.some((one) => nameOf(one) === nameOf(other)))]
  }
  if (!isRecord(base) || !isRecord(patch)) return patch
  const result: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = key in base ? mergePatch(base[key], value) : value
  }
  return result
}

function hasName(value: unknown): boolean {
  return isRecord(value) && typeof value['name'] === 'string'
}

function nameOf(value: unknown): unknown {
  return isRecord(value) ? value['name'] : undefined
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
