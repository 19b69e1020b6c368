/** The ten examples, as people meet them first: each runs in real workers and says what it should. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openSupervisor } from '../../src/client/local.ts'
import type { RunEvent } from '../../src/core/events.ts'
import { decode } from '../../src/core/values/decode.ts'
import { encode } from '../../src/core/values/encode.ts'
import { compileProject } from '../../src/project/compile-project.ts'
import { definitionOptions } from '../../src/project/definition-options.ts'
import { findProject } from '../../src/project/project.ts'

const examples = join(import.meta.dirname, '../../examples')

/** What a task gives and prints. */
async function runExample(name: string, input: object): Promise<{ output: unknown; lines: string[]; progress: number }> {
  const [module = '', exported = module] = name.split(':')
  const tree = await compileProject(await findProject(examples))
  const task = { module: `examples/${module}`, export: exported }
  const supervisor = await openSupervisor({ engine: 'process', tree: async () => tree })
  const events: RunEvent[] = []
  supervisor.subscribe((event) => events.push(event))
  try {
    const options = await definitionOptions(tree, task)
    const settlement = await supervisor.run({ task, name: exported, input: encode(input), options }).settled
    if (settlement.status !== 'done') throw new Error(settlement.error.message)
    return {
      output: decode(settlement.output),
      lines: events.flatMap((event) => (event.type === 'log' ? [event.text] : [])),
      progress: events.filter((event) => event.type === 'progress').length,
    }
  } finally {
    expect((await supervisor.close()).left).toEqual([])
  }
}

const ticks = ['tick 0', 'tick 1', 'tick 2']
const done = [1, 2, 3, 4, 5].map((n) => `done ${n}`)
const primesTo100 = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97].map(String)

describe.concurrent('example', () => {
  test.each<[name: string, input: object, output: unknown, lines: string[]]>([
    ['sleep', { duration: 2 }, { duration: 2 }, ['slept 1', 'slept 2']],
    ['resize', { file: 'a.png', formats: ['avif', 'webp'] }, { files: ['a.png@640.avif', 'a.png@640.webp'], at: expect.any(Date) }, []],
    ['squares:sumOfSquares', {}, 30, ['1 1', '2 4', '3 9', '4 16']],
    ['boss', {}, { before: 0, total: 5 }, [...ticks, ...done]],
    ['shell:ls', {}, { code: 0 }, ['file package.json']],
    ['flaky:retries', {}, { good: { ok: true, value: { attempt: 3 } }, seconds: 30, inner: 'TypeError: 429' }, ['trying']],
    [
      'cancel:cancelling',
      {},
      ['TaskFailedError', 'TaskTimeoutError', 'TaskCancelledError', 'TaskCancelledError', 'cleaned race'],
      ['cleaned slow'],
    ],
    ['primes:consume', {}, { found: 25, few: [2, 3, 5], status: 'cancelled' }, primesTo100],
    ['counter:useCounter', {}, { count: 5 }, ['at 5']],
  ])('%s', async (name, input, output, lines) => {
    const found = await runExample(name, input)
    expect(found.output).toEqual(output)
    expect(found.lines).toEqual(expect.arrayContaining(lines))
    if (name === 'primes:consume') expect(found.progress).toBeGreaterThan(0)
  })

  test('parallel', { timeout: 60_000 }, async () => {
    const began = performance.now()
    const { output, lines } = await runExample('parallel', {})
    expect(output).toEqual([{ duration: 5 }, { duration: 5 }])
    expect(lines.filter((line) => line === 'slept 5')).toHaveLength(2)
    expect(performance.now() - began).toBeLessThan(20_000)
  })
})
