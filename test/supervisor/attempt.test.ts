import { PassThrough } from 'node:stream'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Engine, Exit } from '../../src/core/engine.ts'
import { encode } from '../../src/core/values/encode.ts'
import { memoryPair } from '../../src/engines/memory/memory-pair.ts'
import { Bodies } from '../../src/protocol/bodies.ts'
import { Channel } from '../../src/protocol/channel.ts'
import { PROTOCOL_VERSION, type Both, type Down, type Up } from '../../src/protocol/messages.ts'
import { parseDown } from '../../src/protocol/parse.ts'
import { Attempt } from '../../src/supervisor/attempt.ts'
import type { AttemptContext } from '../../src/supervisor/attempt-context.ts'
import { Spool, StoredValue } from '../../src/supervisor/spool.ts'
import type { AttemptOutcome, PlainEvent, RunRecord } from '../../src/supervisor/tree-messages.ts'
import { held } from './rig.ts'

/** An attempt whose worker the test plays, and whose spool takes an answer when the test says so. */
function played({ start, emit }: { start?: Engine['start']; emit?: (attempt: Attempt, event: PlainEvent) => void } = {}) {
  const [outside, inside] = memoryPair()
  const output = new PassThrough()
  let leave!: (exit: Exit) => void
  const exited = new Promise<Exit>((resolve) => (leave = resolve))
  const notRemoved: string[] = []
  const engine = {
    capabilities: {},
    check: () => {},
    start: start ?? (async () => ({ id: 'w', channel: outside, output, exited })),
    remove: async () => {},
  } as unknown as Engine
  const spool = new Spool(undefined)
  const stored = held(undefined)
  const outcomes: AttemptOutcome[] = []
  const sink: Spool['sink'] = (header) => {
    const kept = spool.sink(header)
    return { ...kept, end: async () => (await stored.answer(), await kept.end()) }
  }
  const run = {
    id: 'r',
    attempt: 1,
    task: { module: 'm', export: 't' },
    name: 'r',
    options: {},
    handlers: [],
    input: StoredValue.of(encode({})),
  }
  const context = {
    engine,
    spool: { sink },
    leaseMs: 0,
    keepFailed: false,
    code: async () => ({ hash: '', path: '', cwd: '' }),
    spec: () => ({ id: 'w' }),
    ended: (_run: unknown, outcome: AttemptOutcome) => outcomes.push(outcome),
    routed: async () => {},
    emit: (_run: unknown, event: PlainEvent) => emit?.(attempt, event),
    notRemoved: () => notRemoved.push('r'),
  }
  const nothing = { get: (target: object, name: string) => Reflect.get(target, name) ?? (() => {}) }
  const attempt: Attempt = new Attempt(run as unknown as RunRecord, new Proxy(context, nothing) as unknown as AttemptContext)
  const channel = new Channel<Down | Both, Up | Both>(inside, parseDown)
  const bodies = new Bodies<Down, Up>(channel)
  return { attempt, bodies, channel, spool, stored, outcomes, notRemoved, leave, output }
}

test('an answer that is kept too late to count is let go', async () => {
  const { attempt, bodies, channel, spool, stored, outcomes, leave, output } = played()
  bodies.start(() => {})
  const driven = attempt.drive()
  bodies.send({ type: 'hello', protocol: PROTOCOL_VERSION, role: 'worker', runtime: { name: 'by hand', version: '0' } } as Up)
  bodies.send({ type: 'running', run: 'r' })
  await bodies.sendValue({ type: 'done', run: 'r', value: encode('x'.repeat(300_000)) })
  await stored.asked
  await channel.close()
  output.end()
  leave({ how: 'killed', signal: 'SIGKILL' })
  await driven
  expect(outcomes).toMatchObject([{ type: 'lost', error: { code: 'TASK_LOST' } }])
  stored.release()
  await expect.poll(() => spool.memoryBytes).toBe(0)
})

test.each(['is done', 'is lost'])('of endless reports of progress a few are told, and the last one before the attempt %s', async (end) => {
  const told: number[] = []
  const { attempt, bodies, channel, stored, outcomes, leave, output } = played({
    emit: (_attempt, event) => event.type === 'progress' && told.push(event.value),
  })
  bodies.start((message) => void (message.type === 'accepted' && channel.close()))
  const driven = attempt.drive()
  bodies.send({ type: 'hello', protocol: PROTOCOL_VERSION, role: 'worker', runtime: { name: 'by hand', version: '0' } } as Up)
  bodies.send({ type: 'running', run: 'r' })
  for (let value = 0; value < 10_000; value++) bodies.send({ type: 'progress', run: 'r', value })
  stored.release()
  if (end === 'is done') await bodies.sendValue({ type: 'done', run: 'r', value: encode(1) })
  else await channel.close()
  output.end()
  leave({ how: 'exited', code: 0 })
  await driven
  expect(outcomes).toMatchObject([{ type: end === 'is done' ? 'done' : 'lost' }])
  expect([told[0], told.at(-1)]).toEqual([0, 9_999])
  expect(told.length).toBeLessThan(500)
})

test('a start that is given up as it begins is not waited for when its engine does not hear of that', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const { attempt, notRemoved } = played({ start: () => new Promise(() => {}), emit: (each) => each.kill() })
  const driven = attempt.drive()
  await vi.advanceTimersByTimeAsync(20_000)
  await driven
  expect(notRemoved).toEqual(['r'])
})
