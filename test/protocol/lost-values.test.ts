import { describe, expect, test } from 'vitest'
import type { CallListener, CallOutcome } from '../../src/core/caller.ts'
import type { TaskDefinition } from '../../src/core/definition.ts'
import { ITEM_WINDOW, type LineMessage } from '../../src/core/line.ts'
import { encode } from '../../src/core/values/encode.ts'
import { Bodies } from '../../src/protocol/bodies.ts'
import { ChannelCaller, isCallerAnswer } from '../../src/protocol/channel-caller.ts'
import type { Down, LineFrame, Up } from '../../src/protocol/messages.ts'
import type { Source } from '../../src/protocol/values.ts'
import { ParentLine } from '../../src/worker/parent-line.ts'
import { expectNoLeaks, openEnds, until } from './rig.ts'

/** A value of which nothing can be read any more. */
const unreadable: Source = { format: 'json', text: 5, size: 5, read: () => Promise.reject(new Error('EIO')) }
const fine = encode([1])
const given = { type: 'may-retry', run: 'parent', child: 'child', attempt: 1 } as const
const error = { code: 'TASK_FAILED', name: 'Error', message: 'its own' } as const
const reason = 'The value did not arrive: the sender could not read the rest of it'

/** A worker `parent` that has called `child`, and its supervisor. */
async function openCaller(maxValueBytes?: number) {
  const ends = await openEnds()
  const up = new Bodies<Down, Up>(ends.worker, maxValueBytes === undefined ? {} : { maxValueBytes })
  const down = new Bodies<Up, Down>(ends.supervisor)
  const said: Up[] = []
  const heard: LineMessage[] = []
  const outcomes: CallOutcome[] = []
  let asked = 0
  const caller = new ChannelCaller({
    channel: ends.worker,
    bodies: up,
    run: 'parent',
    moduleOf: async () => ({ module: 'm', export: 't' }),
  })
  down.start((message, value) => {
    value?.read().catch(() => undefined)
    said.push(message)
  })
  up.start((message, value) => void (isCallerAnswer(message) && caller.receive(message, value)))
  const listener: CallListener = {
    status: () => undefined,
    settled: (outcome) => void outcomes.push(outcome),
    line: (message) => void heard.push(message),
    event: () => undefined,
    mayRetry: async () => {
      asked++
      return true
    },
  }
  const definition = {} as TaskDefinition
  const rest = { definition, input: fine, options: {}, shield: false, handlers: [], isExternal: false }
  caller.call({ id: 'child', task: { module: 'm', export: 't' }, ...rest }, listener)
  await until(() => said.length === 1, 'the call')
  said.splice(0)
  return { ...ends, down, caller, said, heard, outcomes, asked: () => asked }
}

describe('a value for a caller that does not arrive', () => {
  test('is no reason for another attempt, and the question is answered', async () => {
    await using ends = await openCaller()
    void ends.down.sendValue({ ...given, error, value: unreadable })
    await until(() => ends.said.length === 1, 'the answer')
    expect(ends.said).toEqual([{ type: 'retry', run: 'parent', child: 'child', attempt: 1, again: false }])
    expect(ends.asked()).toBe(0)
  })

  test('fails the call whose result it is, and the one that brings it', async () => {
    await using ends = await openCaller()
    void ends.down.sendValue({ type: 'rpc-result', run: 'parent', child: 'child', call: 1, status: 'done', value: unreadable })
    void ends.down.sendValue({ type: 'rpc', run: 'parent', child: 'child', call: 9, method: 'add', value: unreadable })
    await until(() => ends.heard.length === 1 && ends.said.length === 1, 'both')
    expect(ends.heard[0]).toMatchObject({ type: 'rpc-result', call: 1, status: 'failed', error: { message: reason } })
    expect(ends.said[0]).toMatchObject({ type: 'rpc-result', child: 'child', call: 9, status: 'failed', error: { message: reason } })
  })

  test('ends the stream whose items it has, at both ends', async () => {
    await using ends = await openCaller()
    void ends.down.sendValue({ type: 'items', run: 'parent', child: 'child', call: 1, count: 1, value: unreadable })
    await until(() => ends.heard.length === 1 && ends.said.length === 1, 'both')
    expect(ends.heard[0]).toMatchObject({ type: 'rpc-result', call: 1, status: 'failed', error: { message: reason } })
    expect(ends.said[0]).toMatchObject({ type: 'leave', child: 'child', call: 1 })
  })

  test('cancels the run that yielded it, which then has failed, though it was done meanwhile', async () => {
    await using ends = await openCaller()
    void ends.down.sendValue({ type: 'items', run: 'parent', child: 'child', call: 0, count: 1, value: unreadable })
    void ends.down.sendValue({ type: 'items', run: 'parent', child: 'child', call: 0, count: 1, value: fine })
    void ends.down.sendValue({ type: 'settled', run: 'parent', child: 'child', status: 'done', attempt: 1, value: fine })
    await until(() => ends.outcomes.length === 1, 'the end')
    expect(ends.heard).toEqual([])
    await until(() => ends.said.length === 1, 'the cancel')
    expect(ends.said[0]).toMatchObject({ type: 'cancel', child: 'child' })
    expect(ends.outcomes).toMatchObject([
      { status: 'failed', error: { message: `child was lost: items that it yielded did not arrive (${reason})` } },
    ])
  })
})

test('a call whose arguments are too large for the channel fails at once, and so does a stream of its caller', async () => {
  await using ends = await openCaller(100)
  const value = encode(['x'.repeat(200)])
  ends.caller.line('child', { type: 'rpc', call: 1, method: 'add', value })
  ends.caller.line('child', { type: 'items', call: 5, count: 1, value })
  expect(ends.heard).toMatchObject([
    { type: 'rpc-result', call: 1, status: 'failed', error: { code: 'PAYLOAD_TOO_LARGE' } },
    { type: 'leave', call: 5 },
  ])
  await until(() => ends.said.length === 1, 'the end of the stream')
  expect(ends.said[0]).toMatchObject({ type: 'rpc-result', call: 5, status: 'failed', error: { code: 'PAYLOAD_TOO_LARGE' } })
})

/** The line of a worker's run `child`, and its supervisor. */
async function openLine(maxValueBytes?: number) {
  const ends = await openEnds()
  const up = new Bodies<Down, Up>(ends.worker, maxValueBytes === undefined ? {} : { maxValueBytes })
  const down = new Bodies<Up, Down>(ends.supervisor)
  const said: Up[] = []
  down.start((message, value) => {
    value?.read().catch(() => undefined)
    said.push(message)
  })
  const line = new ParentLine({ run: 'child', attempt: 1, bodies: up, handlers: ['ask'], within: (body) => body() })
  up.start((message, value) => line.receive(message as LineFrame, value))
  line.open({ method: () => () => 0 } as unknown as Parameters<ParentLine['open']>[0])
  return { ...ends, down, said, line, ask: (): Promise<unknown> => (line.parent as { ask: () => Promise<unknown> }).ask() }
}

describe('a value for a run that does not arrive', () => {
  test('fails the call of its handler, and the call of its method', async () => {
    await using ends = await openLine()
    const asked = ends.ask()
    void ends.down.sendValue({ type: 'rpc-result', run: 'child', call: 1, status: 'done', value: unreadable })
    void ends.down.sendValue({ type: 'rpc', run: 'child', call: 4, method: 'add', value: unreadable })
    await expect(asked).rejects.toThrow(`ask() failed: ${reason}`)
    await until(() => ends.said.length === 2, 'the answer')
    expect(ends.said[1]).toMatchObject({ type: 'rpc-result', run: 'child', call: 4, status: 'failed', error: { message: reason } })
  })

  test('ends the stream of its handler with an error', async () => {
    await using ends = await openLine()
    const asked = ends.ask()
    ends.down.send({ type: 'rpc-stream', run: 'child', call: 1 })
    void ends.down.sendValue({ type: 'items', run: 'child', call: 1, count: 1, value: unreadable })
    const read = (async () => {
      for await (const _ of (await asked) as AsyncIterable<unknown>);
    })()
    await expect(read).rejects.toThrow(reason)
    await until(() => ends.said.some(({ type }) => type === 'leave'), 'its leaving')
  })
})

test('a run that yields more than the channel takes has failed', async () => {
  await using ends = await openLine(100)
  const { signal } = new AbortController()
  const yielded = async function* (): AsyncGenerator<string> {
    for (let n = 0; n < ITEM_WINDOW; n++) yield 'x'.repeat(n === 3 ? 200 : 1)
  }
  await expect(ends.line.stream(yielded(), signal)).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
  const last = async function* (): AsyncGenerator<string> {
    yield 'x'.repeat(200)
  }
  await expect(ends.line.stream(last(), signal)).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
})

test('nothing is left', expectNoLeaks)
