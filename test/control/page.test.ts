import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { engines, nameOf, pairwise } from './matrix.ts'
import { readOutcomes } from './outcomes.ts'
import { failurePage } from './page.ts'

const file = new URL('../../docs/failure-semantics.md', import.meta.url)

test('each cell of the kill matrix has come out well when it was last played', () => {
  const outcomes = readOutcomes()
  const open = engines
    .flatMap(pairwise)
    .map(nameOf)
    .filter((name) => !outcomes[name])
  expect(open, 'play them: KILL_MATRIX_OPEN=200 npm run test:kill').toEqual([])
})

/** `UPDATE_DOCS=1` writes the file instead. */
test('docs/failure-semantics.md says what the kill matrix says', () => {
  const page = failurePage(readOutcomes())
  if (process.env['UPDATE_DOCS']) writeFileSync(file, page)
  expect(readFileSync(file, 'utf8') === page, 'docs/failure-semantics.md is stale: run npm run docs').toBe(true)
})
