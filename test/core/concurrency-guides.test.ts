import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSupervisor, type LocalSupervisor } from '../../src/client/local.ts'
import { decode } from '../../src/core/values/decode.ts'
import { encode } from '../../src/core/values/encode.ts'
import { compileProject } from '../../src/project/compile-project.ts'
import { findProject } from '../../src/project/project.ts'

const root = join(import.meta.dirname, '../..')
const examples = join(root, 'examples')
const texts = readdirSync(examples, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(join(examples, file), 'utf8'))

describe.each(['concurrency', 'cancellation'])('docs/%s.md', (name) => {
  const guide = readFileSync(join(root, 'docs', `${name}.md`), 'utf8')
  const blocks = [...guide.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text = '']) => text)

  test('has examples', () => expect(blocks.length).toBeGreaterThan(4))
  test.each(blocks)('%s stands in a file that runs', (block) => expect(texts.some((text) => text.includes(block))).toBe(true))
})

describe('the examples give what the guides say', () => {
  let supervisor: LocalSupervisor
  beforeAll(async () => {
    supervisor = await openSupervisor({ engine: 'process', tree: async () => await compileProject(await findProject(examples)) })
  })
  afterAll(async () => expect((await supervisor.close()).left).toEqual([]))

  test.each<[module: string, task: string, output: unknown]>([
    ['squares', 'sumOfSquares', 30],
    ['cancel', 'cancelling', ['TaskFailedError', 'TaskTimeoutError', 'TaskCancelledError', 'TaskCancelledError', 'cleaned race']],
    ['pages', 'together', ['<home>', '<about>', '<news>', '<blog>']],
    ['pages', 'whateverHappens', ['<home>', 'TaskFailedError']],
    ['pages', 'fastest', ['<mirror>', '<fast>', '<slow>']],
    ['pages', 'soFar', { done: 1, pending: 1 }],
    ['pages', 'inGroups', ['<about>', '<home>']],
    ['pages', 'polite', '<home>'],
    ['pages', 'pipeline', ['<about>', '<home>', '<news>']],
  ])('%s:%s', async (module, name, output) => {
    const run = supervisor.run({ task: { module: `examples/${module}`, export: name }, name, input: encode({}), options: {} })
    const settlement = await run.settled
    expect(settlement).toMatchObject({ status: 'done' })
    expect(settlement.status === 'done' && decode(settlement.output)).toEqual(output)
  })
})
