import { distance } from 'fastest-levenshtein'

/** The names that a misspelt one most likely meant, best first; none when all are far. */
export function nearest(name: string, known: Iterable<string>, most = 3): string[] {
  const wanted = name.toLowerCase()
  const limit = Math.max(2, Math.floor(wanted.length / 3))
  return [...known]
    .map((text) => ({ text, far: distance(wanted, text.toLowerCase()) }))
    .filter(({ text, far }) => far <= limit || (wanted.length >= 3 && text.toLowerCase().includes(wanted)))
    .toSorted((a, b) => a.far - b.far || a.text.localeCompare(b.text))
    .slice(0, most)
    .map(({ text }) => text)
}
