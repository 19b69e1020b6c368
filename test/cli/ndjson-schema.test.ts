import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { cowait, Invocation, TestProject } from './cowait.ts'
import { describesAll, ndjsonLine, publishedSchema } from './ndjson-schema.ts'
import { failingStory, lostStory, parallelStory } from './stories.ts'

const file = new URL('../../docs/events.schema.json', import.meta.url)

let project: TestProject

beforeAll(() => {
  project = new TestProject()
})

afterAll(() => project[Symbol.dispose]())

/** `UPDATE_DOCS=1` writes the file instead. */
test('docs/events.schema.json says what the types say', () => {
  expect(describesAll).toBe(true)
  if (process.env['UPDATE_DOCS']) writeFileSync(file, publishedSchema())
  expect(JSON.parse(readFileSync(file, 'utf8')), 'stale: run npm run docs').toEqual(JSON.parse(publishedSchema()))
})

test('lines of every type, as runs of every outcome print them, are described', { timeout: 240_000 }, async () => {
  project.write(
    'telling.ts',
    `import { task } from 'cowait'
export const telling = task(async ({ n }: { n: number }, { log, progress }) => {
  log.warn('fields', { n, deep: { a: [1] } })
  progress(1, { total: 2, message: 'half' })
})
export const boss = task({ tags: { a: 'b' }, run: async () => { for (const n of [1, 2]) await telling({ n }) } })
`,
  )
  const run = async (...args: string[]): Promise<string> => (await cowait(['run', ...args, '--ndjson'], { cwd: project.root })).stdout
  const cancelled = new Invocation(['run', 'outcomes:deep', '--ndjson'], { cwd: project.root })
  await cancelled.prints('"ready"')
  cancelled.child.kill('SIGINT')
  const printed = [
    (await cancelled.ended).stdout,
    await run('telling:boss'),
    await run('outcomes:outer'),
    await run('outcomes:killed'),
    await run('outcomes:failing', '--retry', '1'),
    await run('outcomes:slow', '--timeout', '100ms'),
    await run('outcomes:streaming'),
    await run('outcomes:values'),
    ...[parallelStory(), failingStory(), lostStory()].flatMap(({ events }) => events.map((event) => `${JSON.stringify(event)}\n`)),
    '{"type":"dropped","run":"a","seq":1,"at":2,"lines":3}\n',
    '{"type":"notice","run":"a","seq":1,"at":2,"text":"b"}\n',
  ].join('')
  const published = z.fromJSONSchema(JSON.parse(readFileSync(file, 'utf8')) as Parameters<typeof z.fromJSONSchema>[0])
  const types = new Set<string>()
  for (const text of printed.trimEnd().split('\n')) {
    const line: unknown = JSON.parse(text)
    expect(ndjsonLine.safeParse(line).error, text).toBeUndefined()
    expect(published.safeParse(line).error, text).toBeUndefined()
    types.add((line as { type: string }).type)
  }
  expect([...types].toSorted()).toEqual(ndjsonLine.options.map((one) => one.shape.type.value).toSorted())
  expect(published.safeParse({ type: 'settled', run: 'a', seq: 0, at: 0, status: 'lost', attempt: 1 }).success).toBe(false)
})
