import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasDocker } from '../engines/docker/available.ts'
import { ControlProject, play } from './driver.ts'
import { fast, nameOf, pairwise, type Cell, type EngineName } from './matrix.ts'

const whole = process.env['KILL_MATRIX'] === 'whole'
const cells = (engine: EngineName): readonly Cell[] => (whole ? pairwise(engine) : fast.filter((cell) => cell.engine === engine))

describe.skipIf(process.platform !== 'linux').each([
  { engine: 'process' as const, isThere: true },
  { engine: 'docker' as const, isThere: hasDocker() },
])('whoever dies, nothing is left and the cause is told: $engine', { concurrent: true }, ({ engine, isThere }) => {
  let project: ControlProject
  beforeAll(() => void (project = new ControlProject()))
  afterAll(() => project[Symbol.dispose]())

  test.skipIf(!isThere).each(cells(engine).map((cell) => ({ cell, name: nameOf(cell) })))(
    '$name',
    { timeout: 90_000 },
    async ({ cell }) => {
      expect(await play(cell, project, whole ? 100 : 30)).toEqual([])
    },
  )
})
