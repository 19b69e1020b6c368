import { nearest } from '../core/nearest.ts'

/** ` Did you mean "x"?`, or nothing. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const found = nearest(name, known)
  return found === undefined ? '' : ` Did you mean ${JSON.stringify(found)}?`
}
