import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { listRecords, pickRecord, readRecord } from '../../src/cli/record/record.ts'
import { Recorder } from '../../src/cli/record/recorder.ts'
import { reportData } from '../../src/cli/report/report-data.ts'
import type { Outcome } from '../../src/cli/views/view.ts'
import { failingStory, parallelStory, Story } from './stories.ts'

let folder: string

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'cowait-record-')), '.cowait', 'runs')
})

afterEach(() => rmSync(join(folder, '..', '..'), { recursive: true }))

const outcome: Outcome = { run: 'parallel-k3f9aaaa', status: 'done', output: 1, exitCode: 0, durationMs: 2345, left: [], kept: [] }

async function record(story: Story, options: { root?: string; secrets?: string[] } = {}): Promise<string> {
  const root = options.root ?? story.events[0]?.run ?? ''
  const recorder = Recorder.open(root, { folder, command: ['cowait', 'run', 'x'], secrets: options.secrets ?? [] })
  for (const event of story.events) recorder?.event(event)
  await recorder?.end(outcome)
  return pickRecord(root, folder).file
}

test('a record gives back what happened', async () => {
  const file = await record(parallelStory())
  const { header, events, result } = readRecord(file)
  expect(header).toMatchObject({ root: 'parallel-k3f9aaaa', command: ['cowait', 'run', 'x'] })
  expect(events).toEqual(parallelStory().events)
  expect(result).toMatchObject({ status: 'done', exitCode: 0 })
})

test('only its owner can read a record, and git does not see it', async () => {
  const file = await record(parallelStory())
  expect(statSync(file).mode & 0o077).toBe(0)
  expect(readFileSync(join(folder, '..', '.gitignore'), 'utf8')).toBe('*\n')
})

test('the values of variables that were given to a run are not written', async () => {
  const story = new Story()
    .create('a-aaaa1111', null, 'a', '{"token":"hunter22"}')
    .start('a-aaaa1111')
    .log('a-aaaa1111', 'using hunter22 and running')
  const text = readFileSync(await record(story, { secrets: ['hunter22', 'running', 'abc'] }), 'utf8')
  expect(text).not.toContain('hunter22')
  expect(text).toContain('using *** and ***')
  expect(text).toContain('"type":"running"')
})

test('a record that was cut off is read as far as it goes', async () => {
  const file = await record(parallelStory())
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.slice(0, Math.floor(text.length / 2)))
  const { events, result } = readRecord(file)
  expect(events.length).toBeGreaterThan(3)
  expect(result).toBeUndefined()
})

test('old records go when there are more than a hundred', async () => {
  for (let n = 0; n < 120; n++) {
    await record(parallelStory(), { root: `r-${String(n).padStart(8, '0')}` })
  }
  expect(listRecords(folder)).toHaveLength(100)
  expect(readdirSync(folder)).toHaveLength(100)
})

test('a record is found by its id, by a prefix that fits one, and as the latest', async () => {
  await record(parallelStory(), { root: 'aaa-11111111' })
  await record(parallelStory(), { root: 'aab-22222222' })
  expect(pickRecord('aab', folder).id).toBe('aab-22222222')
  expect(pickRecord('latest', folder).id).toBe('aab-22222222')
  expect(() => pickRecord('aa', folder)).toThrow('aa fits 2 records')
  expect(() => pickRecord('zzz', folder)).toThrow('There is no record of zzz')
})

test('a report lays runs out in the order of the tree with their times', async () => {
  const data = reportData(readRecord(await record(failingStory())))
  expect(data.runs.map((run) => [run.depth, run.label, run.status])).toEqual([
    [0, 'main-aaaa', 'failed'],
    [1, 'failing-bbbb', 'failed'],
    [1, 'slow-cccc', 'cancelled'],
  ])
  expect(data.runs[1]?.segments.map(({ status }) => status)).toEqual(['waiting', 'starting', 'running', 'waiting', 'starting', 'running'])
  expect(data.lines.map(([run, , isError, text]) => [run, isError, text])).toEqual([
    [1, 0, 'trying'],
    [1, 1, 'something looks wrong'],
  ])
})
