import { expect, test } from 'vitest'
import { Limits, type LimitUser } from '../../src/supervisor/limits.ts'

/** Users of one run tree, and what they were told. */
function open(remembered?: number) {
  const told: string[] = []
  let now = 0
  const limits = new Limits({
    waits: (holder, isWaiting) => told.push(`${holder} ${isWaiting ? 'waits' : 'goes on'}`),
    clock: () => now,
    ...(remembered === undefined ? {} : { remembered }),
  })
  const user = (holder: string, client = 'c'): LimitUser => ({
    holder,
    client,
    send: (message) =>
      told.push(message.type === 'granted' ? `granted ${holder} ${message.request}` : `refused ${holder}: ${message.message}`),
  })
  return {
    limits,
    told: (): string[] => told.splice(0).filter((line) => !line.endsWith('goes on')),
    acquire: (holder: string, request = 0, rule: object = { concurrency: 1 }, client = 'c', name = 'api') =>
      limits.receive(user(holder, client), { type: 'acquire', run: holder, request, name, ...rule }),
    release: (holder: string, request = 0) => limits.receive(user(holder), { type: 'release', run: holder, request }),
    advance: (ms: number) => (now += ms),
  }
}

test('places are given in the order in which they were asked for', () => {
  const { acquire, release, told } = open()
  for (const holder of ['a', 'b', 'c']) acquire(holder)
  expect(told()).toEqual(['granted a 0', 'b waits', 'c waits'])
  release('a')
  expect(told()).toEqual(['granted b 0'])
  release('b')
  expect(told()).toEqual(['granted c 0'])
})

test('the end of a holder gives back what it held, and takes back what it asked for', () => {
  const { limits, acquire, told } = open()
  for (const holder of ['a', 'b', 'c']) acquire(holder)
  told()
  limits.end('b')
  limits.end('a')
  expect(told()).toEqual(['granted c 0'])
})

test('giving back twice, or what was never held, frees nothing', () => {
  const { acquire, release, told } = open()
  for (const holder of ['a', 'b', 'c']) acquire(holder)
  release('b', 7)
  release('a')
  release('a')
  expect(told()).toEqual(['granted a 0', 'b waits', 'c waits', 'granted b 0'])
})

test('a second rule for a name is refused; another run tree has rules of its own', () => {
  const { acquire, told } = open()
  acquire('a')
  acquire('b', 0, { concurrency: 2 })
  acquire('z', 0, { concurrency: 2 }, 'another client')
  expect(told()).toEqual([
    'granted a 0',
    'refused b: limit("api") has the rule {"concurrency":1} in this run tree, and {"concurrency":2} was asked for. Use one rule for one name.',
    'granted z 0',
  ])
})

test('a name keeps its rule when it is not in use, unless many others were used since', () => {
  const { limits, acquire, release, told } = open(10)
  const use = (name: string, rule: object): string[] => {
    acquire('a', 0, rule, 'c', name)
    release('a', 0)
    return told()
  }
  expect(use('api', { concurrency: 1 })).toEqual(['granted a 0'])
  expect(use('api', { concurrency: 2 })).toEqual([expect.stringContaining('limit("api") has the rule {"concurrency":1}')])
  acquire('b', 0, { concurrency: 1 }, 'c', 'held')
  for (let n = 0; n < 100; n++) use(`user-${n}`, { concurrency: 1 })
  expect(limits.size).toBeLessThan(15)
  told()
  expect(use('held', { concurrency: 2 })).toEqual([expect.stringContaining('limit("held") has the rule')])
  expect(use('api', { concurrency: 2 })).toEqual(['granted a 0'])
  limits.forget('c')
  expect(limits.size).toBe(0)
})

test('a name whose places still count against its rate is in use until they do not', () => {
  const { limits, acquire, release, told, advance } = open(0)
  const use = (name: string, perSecond: number): string[] => {
    acquire('a', 0, { perSecond }, 'c', name)
    release('a', 0)
    return told()
  }
  for (let n = 0; n < 100; n++) use(`user-${n}`, 0.5)
  expect(limits.size).toBe(100)
  advance(1_999)
  expect(use('user-99', 0.5)).toEqual(['a waits'])
  expect(use('user-98', 3)).toEqual([expect.stringContaining('limit("user-98") has the rule {"perSecond":0.5}')])
  advance(1)
  for (let n = 100; n < 150; n++) use(`user-${n}`, 0.5)
  expect(limits.size).toBeLessThan(60)
  expect(use('user-98', 3)).toEqual(['granted a 0'])
  limits.end('a')
  limits.forget('c')
  expect(limits.size).toBe(0)
})

test('a rate counts any second, also when places are given back at once', () => {
  const { acquire, release, told, advance } = open()
  const rule = { perSecond: 2 }
  for (const request of [0, 1]) {
    acquire('a', request, rule)
    release('a', request)
    advance(300)
  }
  expect(told()).toEqual(['granted a 0', 'granted a 1'])
  acquire('a', 2, rule)
  expect(told()).toEqual(['a waits'])
  advance(400)
  acquire('b', 0, rule)
  expect(told()).toEqual(['granted a 2', 'b waits'])
  release('a', 2)
  release('b')
})
