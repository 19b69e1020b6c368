import { describe, expect, test } from 'vitest'
import { openHost } from '../../conformance/host.ts'
import { ApiProxy, type Asked, type Fault } from './api-proxy.ts'
import { hasKubernetes } from './available.ts'

const busy: Fault = {
  status: 429,
  headers: { 'retry-after': '1', 'content-type': 'application/json' },
  body: JSON.stringify({ kind: 'Status', status: 'Failure', reason: 'TooManyRequests', message: 'too many requests', code: 429 }),
}

/** What is asked, without the names of pods and versions. */
const kindOf = ({ what, url }: Asked): string => `${what} ${/\/(pods|jobs|events|version)\b/.exec(url)?.[1] ?? url}`

describe.runIf(await hasKubernetes())('an API server in trouble', () => {
  /** A supervisor that reaches the cluster by the proxy. */
  async function open() {
    const proxy = await ApiProxy.open()
    let owner = ''
    const host = await openHost({
      name: 'kubernetes',
      isolated: true,
      options: { engine: 'kubernetes', openEngine: async () => await proxy.openEngine(owner) },
    })
    owner = host.supervisor.id
    return {
      proxy,
      host,
      [Symbol.asyncDispose]: async () => {
        await host[Symbol.asyncDispose]()
        await proxy[Symbol.asyncDispose]()
      },
    }
  }

  test('that is busy is left alone for as long as it says, whatever it was asked, and loses nothing', async () => {
    await using at = await open()
    const { proxy, host } = at
    const refused = new Map<string, Asked>()
    const again: { kind: string; afterMs: number }[] = []
    proxy.fault = (asked) => {
      const key = `${asked.what} ${asked.url}`
      const before = refused.get(key)
      if (before) {
        refused.delete(key)
        again.push({ kind: kindOf(asked), afterMs: asked.at - before.at })
      }
      // Each kind of request once.
      if (again.some(({ kind }) => kind === kindOf(asked)) || [...refused.values()].some((one) => kindOf(one) === kindOf(asked))) return {}
      refused.set(key, asked)
      return busy
    }
    expect(await host.output('calls:inSequence')).toBe(7)
    // A lease is renewed also when little happens.
    await expect.poll(() => again.map(({ kind }) => kind), { timeout: 20_000 }).toContain('PATCH jobs')
    const kinds = again.map(({ kind }) => kind)
    expect(kinds).toEqual(expect.arrayContaining(['GET version', 'POST jobs', 'POST pods', 'GET pods', 'watch pods', 'portforward pods']))
    for (const { kind, afterMs } of again) expect(afterMs, kind).toBeGreaterThanOrEqual(990)
  })

  test('that fails, breaks off and answers late loses nothing', async () => {
    await using at = await open()
    const { proxy, host } = at
    const faults: Fault[] = [{ status: 503, body: 'starting' }, { isBroken: true }, { delayMs: 700 }, { status: 500 }]
    let count = 0
    proxy.fault = () => (++count % 3 === 0 ? faults[(count / 3) % faults.length] : undefined)
    const slow = host.settle('calls:slow', { ms: 4000 })
    expect(await host.output('calls:inSequence')).toBe(7)
    expect(await slow).toMatchObject({ status: 'done' })
  })

  test('that breaks watches and streams again and again loses nothing, and is not polled', async () => {
    await using at = await open()
    const { proxy, host } = at
    const large = 'ü'.repeat(2_000_000)
    const slow = host.settle('calls:slow', { ms: 6000 })
    await host.event('running', () => true)
    for (let i = 0; i < 3; i++) {
      expect(proxy.cut('portforward')).toBe(1)
      expect(proxy.cut('watch')).toBe(1)
      await expect.poll(() => [proxy.open('portforward'), proxy.open('watch')], { timeout: 20_000, interval: 20 }).toEqual([1, 1])
    }
    const echoed = host.output('calls:echo', { value: large })
    await host.event('starting', ({ phase }) => phase?.phase === 'booting')
    proxy.cut('portforward')
    expect((await echoed) === large).toBe(true)
    expect(await slow).toMatchObject({ status: 'done' })
    // One list at the start; a broken watch goes on where it was.
    const lists = proxy.asked.filter(({ what, url }) => what === 'GET' && /pods\?labelSelector=cowait\.owner%3D/.test(url))
    expect(lists.map(({ url }) => url)).toEqual([expect.anything()])
  })

  test('that refuses for good ends the run with its words, in bounded time', async () => {
    await using at = await open()
    const { proxy, host } = at
    proxy.fault = (asked) => (kindOf(asked) === 'POST pods' ? { status: 503, body: 'out of order' } : undefined)
    const from = Date.now()
    const settled = await host.settle('calls:nothing')
    expect(settled).toMatchObject({ status: 'failed', error: { code: 'ENGINE', message: expect.stringContaining('out of order') } })
    expect(Date.now() - from).toBeLessThan(60_000)
    proxy.fault = () => undefined
    expect(await host.output('calls:inSequence')).toBe(7)
  })
})
