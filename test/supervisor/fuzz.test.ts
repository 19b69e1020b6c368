/** A real supervisor with hostile workers, and a real worker with a hostile supervisor. FUZZ_SEED repeats a run, FUZZ_FRAMES makes it longer. */
import { once } from 'node:events'
import { duplexPair, type Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { TaskDefinition } from '../../src/core/definition.ts'
import { task } from '../../src/core/task.ts'
import { createMemoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { encodeFrame, FrameParser, type RawMessage } from '../../src/protocol/frames.ts'
import { serveInMemory } from '../../src/testing/serve-in-memory.ts'
import { serve } from '../../src/worker/serve.ts'
import { openHost } from '../conformance/host.ts'
import { hostileFrame } from '../protocol/hostile.ts'
import { Random } from '../protocol/random.ts'
import { both, down, up } from '../protocol/samples.ts'

const FRAMES = Number(process.env['FUZZ_FRAMES'] ?? 10_000)
const SEED = Number(process.env['FUZZ_SEED'] ?? 1)
const FRAMES_EACH = 20
const AT_ONCE = 250
const MiB = 1024 * 1024
const timeout = 60_000 + FRAMES * 20

/** A message that might be right, of one direction, about this run; now and then of another run. */
function sampleOf(random: Random, samples: readonly { readonly type: string }[], run: string): Record<string, unknown> & { type: string } {
  const message: Record<string, unknown> & { type: string } = { ...random.pick(samples) }
  if ('run' in message && random.below(50) > 0) message['run'] = run
  if ('child' in message && random.below(3) > 0) message['child'] = `child-${random.below(5)}`
  return message
}

/** Says frames of which most are understood, some twice, some too early, some torn. Stops when nobody listens. */
async function babble(stream: Duplex, random: Random, samples: readonly { readonly type: string }[], run: string): Promise<void> {
  const said: Buffer[] = []
  for (let n = 0; n < FRAMES_EACH && stream.writable; n++) {
    const message = sampleOf(random, samples, run)
    const kind = random.below(12)
    const frame =
      kind === 0
        ? hostileFrame(random, [message])
        : kind === 1 && said.length > 0
          ? random.pick(said)
          : encodeFrame(message, bodyOf(message, random))
    said.push(frame)
    stream.write(frame)
    if (random.below(2)) await nextTurn()
  }
}

/** As long as its message says, or not. */
function bodyOf(message: Record<string, unknown>, random: Random): Buffer {
  const header = (message['value'] ?? message['input']) as { size?: number; stream?: number } | undefined
  if (message['type'] === 'chunk') return Buffer.alloc(random.pick([0, 10, 1_000]))
  return Buffer.alloc(header?.size && header.stream === undefined && random.below(10) > 0 ? header.size : 0, '1')
}

function onFrames(stream: Duplex, receive: (message: RawMessage) => void): void {
  const parser = new FrameParser(receive)
  stream.on('data', (bytes: Uint8Array) => parser.push(bytes)).on('error', () => undefined)
}

test(`no worker brings a supervisor down, in ${FRAMES} frames of seed ${SEED}`, { timeout }, async () => {
  const random = new Random(SEED)
  const hostile = createMemoryEngine({
    serve: async ({ channel: stream }) => {
      const asked = await new Promise<RawMessage | undefined>((resolve) => {
        onFrames(stream, (message) => message.type === 'run' && resolve(message))
        stream.on('close', () => resolve(undefined))
        if (random.below(20) > 0) stream.write(encodeFrame(up[0]!))
        else void babble(stream, random, [...up, ...both], 'somebody')
      })
      // What a hostile worker calls is none.
      if (asked && (asked['task'] as { module: string }).module === 'hostile')
        await babble(stream, random, [...up, ...both], String(asked['run']))
      // All of it is heard before the worker is gone.
      stream.end()
      if (!stream.closed) await once(stream, 'close')
      return 'lost'
    },
  })
  const engines = { hostile, memory: createMemoryEngine({ serve: serveInMemory() }) }
  const openEngine = async (name: string) => engines[name as keyof typeof engines]
  await using host = await openHost(
    { name: 'memory', isolated: false, options: { engine: 'memory', openEngine } },
    { concurrency: 2 * AT_ONCE },
  )
  const neighbour = host.start('calls:slow', { ms: 3_600_000 })
  await host.event('running', (event) => event.run === neighbour.id)

  const seen: Record<string, number> = {}
  const before = process.memoryUsage().heapUsed
  let most = before
  for (let session = 0; session < FRAMES / FRAMES_EACH; session += AT_ONCE) {
    const runs = Array.from({ length: AT_ONCE }, () =>
      host.supervisor.run({
        task: { module: 'hostile', export: 'worker' },
        name: 'worker',
        input: { format: 'json', textBytes: 2, data: Buffer.from('{}') },
        options: { engine: 'hostile', graceMs: 100 },
      }),
    )
    for (const settlement of await Promise.all(runs.map((run) => run.settled))) {
      const code = settlement.status === 'done' ? 'done' : settlement.error.code
      seen[code] = (seen[code] ?? 0) + 1
      if (code === 'PROTOCOL' && settlement.status !== 'done')
        expect(settlement.error.message).toMatch(/^worker-\w{8} was stopped: .{10,1000}$/su)
    }
    expect(await host.output('calls:echo', { value: session })).toBe(session)
    host.events.length = 0
    most = Math.max(most, process.memoryUsage().heapUsed)
  }
  expect(seen['PROTOCOL']).toBeGreaterThan(FRAMES / FRAMES_EACH / 10)
  expect(most - before).toBeLessThan(300 * MiB)
  neighbour.cancel({ code: 'TASK_CANCELLED', message: 'it was unhurt' })
  expect(await neighbour.settled).toMatchObject({ status: 'cancelled', error: { message: expect.stringContaining('it was unhurt') } })
})

test(`no supervisor brings a worker down, in ${FRAMES} frames of seed ${SEED}`, { timeout }, async () => {
  const random = new Random(SEED)
  const definition = (task(async () => 'x') as unknown as { '~task': TaskDefinition })['~task']
  const ends: Record<string, number> = {}
  for (let session = 0; session < FRAMES / FRAMES_EACH; session++) {
    const [outside, inside] = duplexPair()
    onFrames(outside, () => undefined)
    const served = serve({
      channel: inside,
      output: { log: () => undefined, flush: () => undefined },
      load: async () => definition,
      setEnvironment: () => undefined,
    })
    outside.write(encodeFrame(down[0]!))
    if (random.below(3) > 0) outside.write(encodeFrame({ ...down[1]! } as { type: string }, Buffer.from('{}')))
    await babble(outside, random, [...down, ...both], 'a')
    outside.end()
    const end = await served
    ends[end] = (ends[end] ?? 0) + 1
    outside.destroy()
  }
  expect(ends['lost']).toBeGreaterThan(0)
  expect(ends['accepted']).toBeGreaterThan(0)
})
