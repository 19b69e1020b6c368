import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasDocker } from '../engines/docker/available.ts'
import { ControlProject, play } from './driver.ts'
import { fast, nameOf, pairwise, type Cell, type EngineName } from './matrix.ts'
import { readOutcomes, writeOutcome } from './outcomes.ts'

const whole = process.env['KILL_MATRIX'] === 'whole'

describe.skipIf(process.platform !== 'linux').each([
  { engine: 'process' as const, isThere: true },
  { engine: 'docker' as const, isThere: hasDocker() },
])('whoever dies, nothing is left and the cause is told: $engine', { concurrent: true }, ({ engine, isThere }) => {
  let project: ControlProject
  beforeAll(() => void (project = new ControlProject()))
  afterAll(() => project[Symbol.dispose]())

  for (const cell of whole ? wholeOf(engine) : fast.filter((one) => one.engine === engine)) {
    test.skipIf(!isThere)(nameOf(cell), { timeout: 200_000 }, async () => {
      const outcome = await play(cell, project, whole ? 100 : 30)
      if (whole) writeOutcome(cell, outcome)
      expect(outcome.wrong).toEqual([])
    })
  }
})

/** `KILL_MATRIX_OPEN`: at most so many of those that have no good outcome yet. */
function wholeOf(engine: EngineName): readonly Cell[] {
  const most = process.env['KILL_MATRIX_OPEN']
  if (most === undefined) return pairwise(engine)
  const known = readOutcomes()
  return pairwise(engine)
    .filter((cell) => !known[nameOf(cell)])
    .slice(0, Number(most))
}
