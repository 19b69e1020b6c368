import { hostname } from 'node:os'
import { describe, expect, test } from 'vitest'
import { cowait, TestProject, type Ended } from '../../cli/cowait.ts'
import { hasKubernetes } from './available.ts'

const isThere = await hasKubernetes()

describe.runIf(isThere)('a tree of runs in processes and pods', () => {
  test('gives the pods what the config says about their engine, and nothing of another', async () => {
    using project = new TestProject()
    project.write(
      'both.ts',
      `import { hostname } from 'node:os'
import { task } from 'cowait'
export const inside = task(async () => hostname() !== ${JSON.stringify(hostname())})
export const outside = task(async () => [await inside(), await inside.with({ engine: 'kubernetes' })()])
`,
    )
    const run = async (config: object): Promise<Ended> => {
      project.write('cowait.config.json', JSON.stringify(config))
      return await cowait(['run', 'both:outside', '--engine', 'process'], { cwd: project.root })
    }
    const other = { engine: 'docker', network: 'none' }
    expect(await run(other)).toMatchObject({ code: 0, stdout: '[false,true]\n' })
    const refused = await run({ ...other, clusters: { far: { engine: 'kubernetes', serviceAccount: 'nobody' } } })
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('"nobody"') as string })
  })
})
