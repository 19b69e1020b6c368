/** The ten examples, as people meet them first: each runs in real workers of an engine and says what it should. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSupervisor, type LocalSupervisor } from '../../src/client/local.ts'
import type { RunEvent } from '../../src/core/events.ts'
import { decode } from '../../src/core/values/decode.ts'
import { encode } from '../../src/core/values/encode.ts'
import { compileProject, type CompiledTree } from '../../src/project/compile-project.ts'
import { definitionOptions } from '../../src/project/definition-options.ts'
import { findProject } from '../../src/project/project.ts'

const repository = join(import.meta.dirname, '../..')
const folder = join(repository, 'examples')

const ticks = ['tick 0', 'tick 1', 'tick 2']
const done = [1, 2, 3, 4, 5].map((n) => `done ${n}`)
const primesTo100 = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97].map(String)

interface Outcome {
  readonly output: unknown
  readonly lines: string[]
  readonly progress: number
}

export interface ExamplesOptions {
  readonly timeout: number
  /** In a project of their own, which is smaller than ours: for engines that send it to every worker. */
  readonly isApart?: boolean
  /** Where workers may take long to start: what a cancelled task still calls has to. */
  readonly graceMs?: number
}

export function examples(engine: string, { timeout, isApart = false, graceMs }: ExamplesOptions): void {
  let project = folder
  let tree: CompiledTree
  let supervisor: LocalSupervisor
  const events: RunEvent[] = []

  beforeAll(async () => {
    if (isApart) project = copyApart()
    tree = await compileProject(await findProject(project))
    const defaults = graceMs === undefined ? {} : { defaults: { graceMs } }
    supervisor = await openSupervisor({ engine, tree: async () => tree, concurrency: 8, ...defaults })
    supervisor.subscribe((event) => events.push(event))
  }, timeout)

  afterAll(async () => {
    expect((await supervisor.close()).left).toEqual([])
    if (isApart) rmSync(dirname(project), { recursive: true })
  }, timeout)

  /** What a task gives, and what it and all that is below it prints. */
  async function run(name: string, input: object): Promise<Outcome> {
    const [module = '', exported = module] = name.split(':')
    const task = { module: `examples/${module}`, export: exported }
    const options = (await definitionOptions(async () => tree)(task, new AbortController().signal)) ?? {}
    const root = supervisor.run({ task, name: exported, input: encode(input), options })
    const settlement = await root.settled
    if (settlement.status !== 'done') throw new Error(settlement.error.message)
    const runs = new Set([root.id])
    for (const event of events) if (event.type === 'created' && event.parent !== null && runs.has(event.parent)) runs.add(event.run)
    const own = events.filter((event) => runs.has(event.run))
    return {
      output: decode(settlement.output),
      lines: own.flatMap((event) => (event.type === 'log' ? [event.text] : [])),
      progress: own.filter((event) => event.type === 'progress').length,
    }
  }

  describe.concurrent(`example on engine ${engine}`, { timeout }, () => {
    const cases: [name: string, input: object, output: unknown, lines: string[]][] = [
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
    ]
    test.each(cases)('%s', async (name, input, output, lines) => {
      const found = await run(name, input)
      expect(found.output).toEqual(output)
      expect(found.lines).toEqual(expect.arrayContaining(lines))
      if (name === 'primes:consume') expect(found.progress).toBeGreaterThan(0)
    })

    test('parallel', async () => {
      const { output, lines } = await run('parallel', {})
      expect(output).toEqual([{ duration: 5 }, { duration: 5 }])
      expect(lines.filter((line) => line === 'slept 5')).toHaveLength(2)
      // The second began before the first had ended.
      expect(lines.indexOf('slept 5')).toBeGreaterThan(lines.lastIndexOf('slept 1'))
    })
  })
}

/** Answers the folder of the examples in it. */
function copyApart(): string {
  const root = mkdtempSync(join(tmpdir(), 'cowait-examples-'))
  const copied = join(root, 'examples')
  cpSync(folder, copied, { recursive: true, filter: (path) => !path.endsWith('.test.ts') })
  writeFileSync(join(root, 'package.json'), JSON.stringify({ type: 'module', dependencies: { cowait: '*', zod: '*' } }))
  mkdirSync(join(root, 'node_modules'))
  symlinkSync(repository, join(root, 'node_modules/cowait'))
  cpSync(join(repository, 'node_modules/zod'), join(root, 'node_modules/zod'), { recursive: true })
  return copied
}
