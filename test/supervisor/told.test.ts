/** Who hears of which runs: also of one that ends in the same moment as its caller, or as it begins. */
import { expect, test } from 'vitest'
import type { RunEvent } from '../../src/core/events.ts'
import { external } from '../../src/core/external.ts'
import type { StandardResult, StandardSchemaV1 } from '../../src/core/standard-schema.ts'
import { task } from '../../src/core/task.ts'
import { memoryPair } from '../../src/engines/memory/memory-pair.ts'
import { Channel } from '../../src/protocol/channel.ts'
import { encodeFrame } from '../../src/protocol/frames.ts'
import type { Both, Down, Up } from '../../src/protocol/messages.ts'
import { parseDown } from '../../src/protocol/parse.ts'
import { forReader } from '../../src/supervisor/for-reader.ts'
import { createTestRuntime } from '../../src/testing/create-test-runtime.ts'
import { openRig } from './rig.ts'

const called = (name: string) => external<{}, string>(`tests:${name}`)
const calls = (name: string) => task(async () => await called(name)({}, { id: name }))
const fails = task(async (): Promise<string> => {
  throw new Error('boom')
})

test('a client that follows a run hears of the end of all that is below it', async () => {
  await using rig = openRig({ root: calls('middle'), middle: calls('leaf'), leaf: fails })
  const [inside, outside] = memoryPair()
  rig.supervisor.connect(outside)
  const channel = new Channel<Down | Both, Up | Both>(inside, parseDown)
  const heard: string[] = []
  channel.start((message) => message.type === 'event' && heard.push(`${message.event.run} ${message.event.type}`))
  channel.send({ type: 'follow', run: 'root' })
  await expect(rig.script(() => called('root')({}, { id: 'root' }))).rejects.toThrow('boom')
  const ends = ['leaf', 'middle', 'root'].flatMap((run) => [`${run} settled`, `${run} removed`])
  await expect.poll(() => heard.filter((each) => /settled|removed/.test(each))).toEqual(ends)
  await channel.close()
})

test('a client that does not read hears of every run, but not of all values', async () => {
  const calls = 200
  await using rig = openRig({}, { limits: { depth: 0 } })
  const [inside, outside] = memoryPair()
  rig.supervisor.connect(outside)
  inside.write(encodeFrame({ type: 'follow' }))
  const root = external<{ text: string }, string>('tests:root')
  const input = { text: 'x'.repeat(60_000) }
  await rig.script(() => Promise.all(Array.from({ length: calls }, () => root(input).settled())))
  const channel = new Channel<Down | Both, Up | Both>(inside, parseDown)
  const heard: RunEvent[] = []
  channel.start((message) => message.type === 'event' && heard.push(message.event))
  await expect.poll(() => heard.filter(({ type }) => type === 'removed').length, { timeout: 20_000 }).toBe(calls)
  const inputs = heard.flatMap((event) => (event.type === 'created' ? [event.input] : []))
  expect(inputs.length).toBe(calls)
  expect([inputs[0], inputs.at(-1)]).toEqual([{ format: 'json', text: JSON.stringify(input) }, undefined])
  await channel.close()
})

test('a reader that is far behind gets no lines, no progress and no values', () => {
  const preview = { format: 'json', text: '1' } as const
  const base = { run: 'a', seq: 0, at: 0 }
  const created = {
    ...base,
    type: 'created',
    parent: null,
    name: 'a',
    task: { module: 'm', export: 'e' },
    engine: 'memory',
    key: '',
  } as const
  const settled = { ...base, type: 'settled', status: 'done', attempt: 1 } as const
  const events: RunEvent[] = [
    { ...created, input: preview },
    { ...base, type: 'log', attempt: 1, level: 'info', stream: 'stdout', text: 'hello' },
    { ...base, type: 'progress', value: 1 },
    { ...base, type: 'notice', text: 'look' },
    { ...settled, output: preview },
  ]
  const MiB = 1024 * 1024
  expect(events.map((event) => forReader(event, 8 * MiB))).toEqual(events)
  expect(events.map((event) => forReader(event, 9 * MiB))).toEqual([created, undefined, undefined, events[3], settled])
})

test('a run tells of each of its children, also of one that is refused at once', async () => {
  const seen: string[] = []
  await using rig = openRig({ root: calls('leaf'), leaf: fails }, { limits: { depth: 1 } })
  const run = rig.script(() => called('root')({}, { id: 'root' }))
  run.on('child', ({ id }) => seen.push(id))
  await expect(run).rejects.toThrow('it would be more than 1 level')
  expect(seen).toEqual(['leaf'])
})

/** What is heard of a call whose input is checked in a turn of its own, by who listens from the beginning. */
async function heardWhen(validate: (value: unknown) => Promise<StandardResult<object>>): Promise<string[]> {
  const input: StandardSchemaV1<object> = { '~standard': { version: 1, vendor: 'test', validate } }
  const reports = task({
    input,
    async run(_, { log, progress }) {
      log.info('one')
      progress(1)
    },
  })
  await using rt = createTestRuntime()
  const heard: string[] = []
  const run = rt.run(reports, {})
  run.on('progress', ({ value }) => heard.push(`progress ${value}`))
  for await (const { text } of run.logs()) heard.push(text)
  return [...heard, (await run.settled()).ok ? 'done' : 'failed']
}

test('who listens to a call that waits for the check of its input hears of its run', async () => {
  const heard = await heardWhen(async () => ({ value: {} }))
  expect(heard.toSorted()).toEqual(['done', 'one', 'progress 1'])
})

test('who listens to a call that its check refuses hears nothing', async () => {
  expect(await heardWhen(async () => ({ issues: [{ message: 'no' }] }))).toEqual(['failed'])
})
