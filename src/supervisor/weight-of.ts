/** About how many bytes data holds in memory. Looks no further once they are more than `most`. */
export function weightOf(value: unknown, most: number): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 0
  let weight = 32
  for (const key in value) {
    weight += 8 + key.length + weightOf(value[key as keyof typeof value], most - weight)
    if (weight > most) break
  }
  return weight
}
