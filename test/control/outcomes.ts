/** What the whole matrix came to when it was last played: kept beside it, and made into docs/failure-semantics.md by page.ts. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Outcome } from './driver.ts'
import { engines, nameOf, pairwise, type Cell } from './matrix.ts'

const file = new URL('outcomes.json', import.meta.url)

let names: readonly string[] | undefined

/** By the name of the cell, of those that came out well. */
export type Outcomes = Readonly<Record<string, { readonly seconds: number; readonly told?: string }>>

export function readOutcomes(): Outcomes {
  return JSON.parse(readFileSync(file, 'utf8')) as Outcomes
}

export function writeOutcome(cell: Cell, { wrong, goneMs, told }: Outcome): void {
  const outcomes = {
    ...readOutcomes(),
    [nameOf(cell)]: wrong.length > 0 ? undefined : { seconds: Math.ceil(goneMs / 100) / 10, ...(told ? { told: shortened(told) } : {}) },
  }
  names ??= engines.flatMap(pairwise).map(nameOf)
  const kept = names.flatMap((name) => (outcomes[name] ? [[name, outcomes[name]]] : []))
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(kept), undefined, 2)}\n`)
}

/** The first line of the message, without what differs each time. */
function shortened(told: string): string {
  const { code, message } = JSON.parse(told) as { code: string; message: string }
  return `${code}: ${message.split('\n')[0]!.replaceAll(/-[a-z0-9]{8}\b/g, '')}`
}
