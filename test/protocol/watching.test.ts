/** Who reads what a run printed while the run's end is on its way. */
import { expect, test } from 'vitest'
import type { TaskRef } from '../../src/core/events.ts'
import { external } from '../../src/core/external.ts'
import type { LogRecord } from '../../src/core/run-watch.ts'
import { runInScope, Scope } from '../../src/core/scope.ts'
import { task } from '../../src/core/task.ts'
import { encode } from '../../src/core/values/encode.ts'
import { ChannelCaller, isCallerAnswer } from '../../src/protocol/channel-caller.ts'
import type { Up } from '../../src/protocol/messages.ts'
import { openBodies, until } from './rig.ts'

const run = 'parent'
const talks = external<{}, string>('m:talks')

/** A worker that calls, and a supervisor whose words are the test's. */
async function openCaller(moduleOf: () => Promise<TaskRef> = async () => ({ module: 'm', export: 'talks' })) {
  const ends = await openBodies()
  const { up, down, worker: channel } = ends
  const said: Up[] = []
  down.start((message) => void said.push(message))
  const caller = new ChannelCaller({ channel, bodies: up, run, moduleOf })
  up.start((message, value) => void (isCallerAnswer(message) && caller.receive(message, value)))
  const scope = new Scope({ caller })
  return {
    ...ends,
    scope,
    said,
    call: (id: string) => runInScope(scope, () => talks({}, { id })),
    /** Resolves when so many watches have come. */
    watches: (count: number) => until(() => said.filter(({ type }) => type === 'watch').length === count, `watch ${count}`),
    line: (child: string, seq: number, text: string) =>
      down.send({
        type: 'event',
        child,
        event: { type: 'log', run: child, seq, at: seq, attempt: 1, level: 'info', stream: 'stdout', text },
      }),
    watched: (child: string) => down.send({ type: 'watched', run, child }),
    settle: (child: string) => down.sendValue({ type: 'settled', run, child, status: 'done', attempt: 1, value: encode('fine') } as never),
  }
}

async function texts(lines: AsyncIterable<LogRecord>): Promise<string[]> {
  const read: string[] = []
  for await (const { text } of lines) read.push(text)
  return read
}

test.each([{ follow: true }, { follow: false }])('its lines come after its end, and are read all the same: %o', async (options) => {
  await using ends = await openCaller()
  const { call, said, watches, line, watched, settle } = ends
  const child = call('child')
  await until(() => said.length === 1, 'the call')
  await settle('child')
  const reading = texts(child.logs(options))
  await watches(1)
  expect(await child).toBe('fine')
  line('child', 0, 'one')
  line('child', 1, 'two')
  watched('child')
  expect(await reading).toEqual(['one', 'two'])
})

test('each of two runs with one id gets its own', async () => {
  await using ends = await openCaller()
  const { call, said, watches, line, watched, settle } = ends
  const first = call('child')
  await until(() => said.length === 1, 'the call')
  await settle('child')
  const [one, again] = [texts(first.logs()), texts(first.logs())]
  await first
  const second = call('child')
  const other = texts(second.logs())
  await watches(3)
  for (let watch = 0; watch < 2; watch++) {
    line('child', 0, 'of the first')
    watched('child')
  }
  watched('child')
  line('child', 0, 'of the second')
  await settle('child')
  expect(await second).toBe('fine')
  expect(await Promise.all([one, again, other])).toEqual([['of the first'], ['of the first'], ['of the second']])
})

test('who stops reading before the past has come gets nothing more', async () => {
  await using ends = await openCaller()
  const lines = ends.call('child').logs()[Symbol.asyncIterator]()
  await ends.watches(1)
  ends.line('child', 0, 'one')
  await lines.return?.()
  ends.watched('child')
  expect(await lines.next()).toEqual({ done: true, value: undefined })
  await ends.settle('child')
})

test('a call that cannot leave has no lines', async () => {
  let refuse!: (error: Error) => void
  await using ends = await openCaller(() => new Promise((_, reject) => (refuse = reject)))
  const child = runInScope(ends.scope, () => task(async () => undefined)())
  const reading = texts(child.logs())
  refuse(new Error('no such module'))
  await expect(child).rejects.toMatchObject({ message: expect.stringContaining('no such module') as string })
  expect(await reading).toEqual([])
})

test('when the supervisor is lost, there are no lines', async () => {
  await using ends = await openCaller()
  const child = ends.call('child')
  const reading = texts(child.logs())
  await ends.watches(1)
  await ends.supervisor.close()
  await expect(child).rejects.toMatchObject({ code: 'TASK_LOST' })
  expect(await reading).toEqual([])
})
