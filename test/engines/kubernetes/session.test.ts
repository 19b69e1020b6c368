import { expect, test } from 'vitest'
import { Session } from '../../../src/engines/kubernetes/session.ts'

/** Two ends and a wire between them that the test cuts, and that delivers when it is told to. */
function pair() {
  const received: { left: string[]; right: string[] } = { left: [], right: [] }
  const broken: string[] = []
  const rooms: string[] = []
  const make = (side: 'left' | 'right'): Session =>
    new Session({
      beatMs: 60_000,
      silenceMs: 60_000,
      onFrame: (type, payload) => received[side].push(`${type}:${payload.length < 100 ? payload.toString() : payload.length}`),
      onRoom: () => rooms.push(side),
      onBroken: (why) => broken.push(why),
    })
  const left = make('left')
  const right = make('right')
  let wire: { to: Session; bytes: Buffer }[] = []
  const connect = (isFirst: boolean): void => {
    wire = []
    const mine = wire
    const carrier = (to: Session) => ({
      write: (bytes: Uint8Array) => void mine.push({ to, bytes: Buffer.from(bytes) }),
      destroy: () => undefined,
    })
    left.attach(carrier(right), isFirst)
    right.attach(carrier(left), false)
  }
  return {
    left,
    right,
    received,
    broken,
    rooms,
    connect,
    cut: (): void => {
      wire.length = 0
      left.detach()
      right.detach()
    },
    /** Everything that is on the wire, in pieces of so many bytes. */
    deliver: (piece = Infinity): void => {
      for (let next = wire.shift(); next; next = wire.shift()) {
        for (let at = 0; at < next.bytes.length; at += piece) next.to.take(next.bytes.subarray(at, at + piece))
      }
    },
    [Symbol.dispose]: (): void => {
      left.detach()
      right.detach()
    },
  }
}

test('frames arrive whole and in order, in whatever pieces', () => {
  using ends = pair()
  ends.left.send(1, Buffer.from('before'))
  ends.connect(true)
  ends.left.send(2, Buffer.from('after'))
  ends.right.send(3, Buffer.from(''))
  ends.deliver(3)
  expect(ends.received).toEqual({ left: ['3:'], right: ['1:before', '2:after'] })
})

test('what a broken connection swallowed is sent again, and nothing twice', () => {
  using ends = pair()
  ends.connect(true)
  ends.left.send(1, Buffer.from('a'))
  ends.deliver()
  ends.left.send(1, Buffer.from('b'))
  ends.right.send(1, Buffer.from('x'))
  ends.cut()
  ends.left.send(1, Buffer.from('c'))
  ends.connect(false)
  ends.deliver()
  expect(ends.received).toEqual({ left: ['1:x'], right: ['1:a', '1:b', '1:c'] })
})

test('a sender is told to wait, and when there is room again', async () => {
  using ends = pair()
  ends.connect(true)
  const big = Buffer.alloc(300_000)
  expect([1, 2, 3, 4].map(() => ends.left.send(1, big))).toEqual([true, true, true, false])
  ends.deliver()
  expect(ends.received.right).toHaveLength(4)
  await expect.poll(() => (ends.deliver(), ends.rooms)).toEqual(['left'])
  await ends.left.confirmed()
  expect(ends.left.keptBytes).toBe(0)
})

test('an end that lost what it had received, and a frame without measure, break the connection', () => {
  using ends = pair()
  ends.connect(true)
  ends.left.send(1, Buffer.from('a'))
  ends.deliver()
  ends.left.take(Buffer.from([1, 0xff, 0xff, 0xff, 0xff]))
  expect(ends.broken).toEqual(['a frame of 4294967295 bytes'])
  expect(ends.left.isConnected).toBe(false)
})
