import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import { ProtocolError } from '../../src/core/errors.ts'
import { Channel } from '../../src/protocol/channel.ts'
import { encodeFrame, MAX_BODY_BYTES } from '../../src/protocol/frames.ts'
import type { Both, Down, Up } from '../../src/protocol/messages.ts'
import { parseUp } from '../../src/protocol/parse.ts'
import { proxiedPair, socketPair } from './proxy.ts'
import { expectNoLeaks, openEnds, until } from './rig.ts'

afterEach(expectNoLeaks)

describe('a channel', () => {
  test('delivers in order, bodies included, in whatever pieces the bytes travel', async () => {
    await using ends = await openEnds()
    ends.proxy.fragment(1000)
    const received: string[] = []
    ends.supervisor.start((message, body) => received.push(`${'run' in message ? message.run : ''} ${body.length}`))
    const expected: string[] = []
    for (let n = 0; n < 500; n++) {
      ends.worker.send({ type: 'chunk', run: `r${n}`, stream: 1, end: false }, Buffer.alloc(n * 7))
      expected.push(`r${n} ${n * 7}`)
    }
    await until(() => received.length === 500, '500 messages')
    expect(received).toEqual(expected)
  })

  test('keeps what comes before it is started', async () => {
    await using ends = await openEnds()
    for (let n = 0; n < 10; n++) ends.worker.send({ type: 'running', run: `r${n}` })
    await until(() => ends.proxy.passedBytes('toRight') > 0 && ends.worker.bufferedBytes === 0, 'the bytes to pass')
    ends.worker.send({ type: 'running', run: 'last' })
    const runs: string[] = []
    ends.supervisor.start((message) => void (message.type === 'running' && runs.push(message.run)))
    await until(() => runs.includes('last'), 'the last message')
    expect(runs).toEqual([...Array.from({ length: 10 }, (_, n) => `r${n}`), 'last'])
  })

  test('does not keep without bound what comes before it is started', async () => {
    await using ends = await openEnds()
    for (let n = 0; n < 20; n++) ends.worker.send({ type: 'chunk', run: 'r', stream: 1, end: false }, Buffer.alloc(MAX_BODY_BYTES))
    expect((await ends.supervisor.closed)?.message).toMatch(/More than 4194304 bytes came before anybody listened/)
  })

  test('makes one write of everything that is sent in one turn', async () => {
    const writes: number[] = []
    const stream = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        writes.push(chunk.length)
        done()
      },
    })
    const channel = new Channel<Up | Both, Down | Both>(stream, parseUp)
    for (let n = 0; n < 1000; n++) channel.send({ type: 'ping' })
    expect(writes).toEqual([])
    expect(channel.bufferedBytes).toBe(16_000)
    await until(() => writes.length > 0, 'a write')
    expect(writes).toEqual([16_000])
    channel.send({ type: 'ping' })
    channel.flush()
    expect(writes).toEqual([16_000, 16])
    await channel.close()
  })

  test('reads on while its owner waits', async () => {
    await using ends = await openEnds()
    let bytes = 0
    ends.supervisor.start((_, body) => void (bytes += body.length))
    for (let n = 0; n < 100; n++) ends.worker.send({ type: 'chunk', run: 'r', stream: 1, end: false }, Buffer.alloc(MAX_BODY_BYTES))
    await until(() => bytes === 100 * MAX_BODY_BYTES, 'all bytes')
    expect(ends.worker.bufferedBytes).toBe(0)
  })

  test('ignores types that it does not know', async () => {
    const [near, far] = await socketPair()
    const channel = new Channel(near, parseUp)
    const types: string[] = []
    channel.start((message) => types.push(message.type))
    far.write(Buffer.concat([encodeFrame({ type: 'later' }, Buffer.from('{}\n')), encodeFrame({ type: 'pong' })]))
    await until(() => types.length > 0, 'the known message')
    expect(types).toEqual(['pong'])
    far.destroy()
    expect(await channel.closed).toBeUndefined()
  })
})

describe('when a channel ends', () => {
  test('by the other end, closed settles without an error and later sends do nothing', async () => {
    await using ends = await openEnds()
    ends.supervisor.start(() => {})
    await ends.worker.close()
    expect(await ends.supervisor.closed).toBeUndefined()
    expect(ends.supervisor.isClosed).toBe(true)
    for (let n = 0; n < 10; n++) ends.supervisor.send({ type: 'ping' })
    expect(ends.supervisor.bufferedBytes).toBe(0)
  })

  test('by close, what was sent before arrives', async () => {
    await using ends = await openEnds()
    const runs: string[] = []
    ends.supervisor.start((message) => void ('run' in message && message.run && runs.push(message.run)))
    for (let n = 0; n < 100; n++) ends.worker.send({ type: 'chunk', run: `r${n}`, stream: 1, end: false }, Buffer.alloc(100_000))
    await ends.worker.close()
    await ends.supervisor.closed
    expect(runs.length).toBe(100)
  })

  test('inside a frame, the error says so', async () => {
    const { left, right, proxy } = await proxiedPair()
    await using _ = proxy
    const channel = new Channel(right, parseUp)
    channel.start(() => {})
    left.end('{"type":"running","run":"a"}\n{"type":"runn')
    const error = await channel.closed
    expect(error).toBeInstanceOf(ProtocolError)
    expect(error?.message).toBe('The stream ended inside a frame, after "{\\"type\\":\\"runn".')
  })

  test('by a cut, both ends are told', async () => {
    await using ends = await openEnds()
    ends.supervisor.start(() => {})
    ends.worker.start(() => {})
    ends.proxy.cut()
    await Promise.all([ends.supervisor.closed, ends.worker.closed])
  })

  test('by a reset, closed settles with the error of the stream', async () => {
    const [near, far] = await socketPair()
    const channel = new Channel(near, parseUp)
    far.resetAndDestroy()
    expect(((await channel.closed) as NodeJS.ErrnoException).code).toBe('ECONNRESET')
  })

  test('by nothing at all, nobody is told: that is what leases are for', async () => {
    await using ends = await openEnds()
    ends.proxy.halfOpen()
    await ends.worker.close()
    let told = false
    void ends.supervisor.closed.then(() => (told = true))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(told).toBe(false)
    ends.supervisor.send({ type: 'ping' })
    expect(ends.supervisor.isClosed).toBe(false)
  })

  test('a stream that is gone already counts as ended', async () => {
    const [near, far] = await socketPair()
    far.destroy()
    near.destroy()
    await once(near, 'close')
    expect(await new Channel(near, parseUp).closed).toBeUndefined()
  })
})

describe('an end that breaks the protocol', () => {
  const refusal = (fault: ProtocolError): Down => ({ type: 'refused', code: 'PROTOCOL', message: fault.message })

  test('is told why, and no more of it is delivered', async () => {
    const [near, far] = await socketPair()
    const channel = new Channel<Up | Both, Down | Both>(near, parseUp, { refusal })
    const types: string[] = []
    channel.start((message) => types.push(message.type))
    let answer = ''
    far.on('data', (chunk: Buffer) => (answer += chunk.toString()))
    far.write('{"type":"pong"}\nHello!\n{"type":"pong"}\n')
    const error = await channel.closed
    expect(error).toBeInstanceOf(ProtocolError)
    await once(far, 'close')
    expect(types).toEqual(['pong'])
    expect(JSON.parse(answer)).toEqual({ type: 'refused', code: 'PROTOCOL', message: error?.message })
    expect(answer).toContain('but got \\"Hello!')
  })

  test('is refused by a handler that throws', async () => {
    await using ends = await openEnds({ refusal })
    const told: unknown[] = []
    ends.worker.start((message) => told.push(message))
    ends.supervisor.start((message) => {
      if (message.type === 'running') throw new ProtocolError(`spoke of run ${message.run}`)
    })
    ends.worker.send({ type: 'running', run: 'of-another' })
    expect((await ends.supervisor.closed)?.message).toBe('spoke of run of-another')
    await ends.worker.closed
    expect(told).toEqual([{ type: 'refused', code: 'PROTOCOL', message: 'spoke of run of-another' }])
  })

  test('hurts only its own channel when it makes a handler fail', async () => {
    await using ends = await openEnds()
    ends.supervisor.start(() => {
      throw new TypeError('a bug')
    })
    ends.worker.send({ type: 'pong' })
    expect(await ends.supervisor.closed).toBeInstanceOf(TypeError)
  })

  test('does not read: what waits for it is bounded', async () => {
    await using ends = await openEnds({ maxBufferedBytes: 8 * 1024 * 1024 })
    ends.proxy.pause()
    const body = Buffer.alloc(MAX_BODY_BYTES)
    for (let n = 0; n < 200 && !ends.supervisor.isClosed; n++) {
      ends.supervisor.send({ type: 'chunk', run: 'r', stream: 1, end: false }, body)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect((await ends.supervisor.closed)?.message).toMatch(/The other end does not read: \d+ bytes wait for it/)
  })

  test('does not read: close gives up after a while', async () => {
    await using ends = await openEnds()
    ends.proxy.pause()
    for (let n = 0; n < 100; n++) ends.supervisor.send({ type: 'chunk', run: 'r', stream: 1, end: false }, Buffer.alloc(MAX_BODY_BYTES))
    const start = performance.now()
    await ends.supervisor.close()
    expect(performance.now() - start).toBeGreaterThan(1500)
    expect(performance.now() - start).toBeLessThan(4000)
  })
})

test('a message that no frame can carry ends the channel with its name, and throws at nobody', async () => {
  await using ends = await openEnds()
  ends.supervisor.send({ type: 'refused', code: 'USAGE', message: 'x'.repeat(5_000_000) })
  const error = await ends.supervisor.closed
  expect(error).toBeInstanceOf(ProtocolError)
  expect(error?.message).toMatch(/^Message "refused" has 5000\d+ bytes of JSON; a frame carries at most 4194304\.$/)
})
