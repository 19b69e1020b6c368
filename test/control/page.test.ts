import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { engines, expectedOf, nameOf, pairwise } from './matrix.ts'
import { readOutcomes } from './outcomes.ts'
import { failurePage } from './page.ts'

const file = new URL('../../docs/failure-semantics.md', import.meta.url)

const cells = engines.flatMap(pairwise)

test('what is known is of cells that there are, and fits what is expected of them now', () => {
  const outcomes = readOutcomes()
  const names = new Set(cells.map(nameOf))
  expect(Object.keys(outcomes).filter((name) => !names.has(name))).toEqual([])
  const unfit = cells.filter((cell) => {
    const { error } = expectedOf(cell)
    const known = outcomes[nameOf(cell)]
    return known && error && !(known.told?.startsWith(`${error.code}: `) && error.cause.test(known.told))
  })
  expect(unfit.map(nameOf)).toEqual([])
})

/** `UPDATE_DOCS=1` writes the file instead. */
test('docs/failure-semantics.md says what the kill matrix says', () => {
  const page = failurePage(readOutcomes())
  if (process.env['UPDATE_DOCS']) writeFileSync(file, page)
  expect(readFileSync(file, 'utf8') === page, 'docs/failure-semantics.md is stale: run npm run docs').toBe(true)
})
