import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ControlProject, play } from './driver.ts'
import { canBeRemoved, unusedByDocker } from './engine-probe.ts'
import { fast, nameOf, pairwise, type Cell, type EngineName } from './matrix.ts'
import { readOutcomes, writeOutcome } from './outcomes.ts'

const whole = process.env['KILL_MATRIX'] === 'whole'
const SHARED_GONE_MS = 20_000

/** Plays the engine's cells: a selection, or with KILL_MATRIX=whole all of them. */
export function killSuite(engine: EngineName, isThere: boolean): void {
  describe.skipIf(process.platform !== 'linux' || !isThere)(`whoever dies, nothing is left and the cause is told: ${engine}`, () => {
    let project: ControlProject
    let before: ReadonlySet<string> = new Set()
    beforeAll(() => {
      project = new ControlProject()
      if (engine === 'docker') before = new Set(unusedByDocker())
    })
    afterAll(async () => {
      project[Symbol.dispose]()
      if (engine !== 'docker') return
      const deadline = performance.now() + SHARED_GONE_MS
      const left = (): string[] => unusedByDocker().filter((one) => !before.has(one))
      while (left().length > 0 && performance.now() < deadline) await delay(200)
      expect(left().filter(canBeRemoved)).toEqual([])
    }, SHARED_GONE_MS + 10_000)

    test.skipIf(whole)('each cell of the whole matrix has come out well when it was last played', () => {
      expect(openOf(engine).map(nameOf), 'play them: KILL_MATRIX_OPEN=200 npm run test:kill').toEqual([])
    })

    describe('', { concurrent: true }, () => {
      for (const cell of whole ? wholeOf(engine) : fast.filter((one) => one.engine === engine)) {
        test(nameOf(cell), { timeout: 300_000 }, async () => {
          const outcome = await play(cell, project, whole ? 100 : 30)
          if (whole) writeOutcome(cell, outcome)
          expect(outcome.wrong).toEqual([])
        })
      }
    })
  })
}

/** `KILL_MATRIX_OPEN`: at most so many of those that have no good outcome yet. */
function wholeOf(engine: EngineName): readonly Cell[] {
  const most = process.env['KILL_MATRIX_OPEN']
  if (most === undefined) return pairwise(engine)
  return openOf(engine).slice(0, Number(most))
}

function openOf(engine: EngineName): readonly Cell[] {
  const known = readOutcomes()
  return pairwise(engine).filter((cell) => !known[nameOf(cell)])
}
