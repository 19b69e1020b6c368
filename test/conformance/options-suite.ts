/** Where the options of a run come from: which layer holds, what children take over, and what becomes of unfinished calls. */
import { describe, expect, test } from 'vitest'
import type { RunEvent } from '../../src/core/events.ts'
import { resolveOptions } from '../../src/core/resolve-options.ts'
import { openHost, type ConformanceEngine } from './host.ts'

type Logged = Extract<RunEvent, { type: 'log' }>

const defaults = resolveOptions({ env: { OF: 'config', CONFIG: 'is here' }, tags: { of: 'config', config: 'is here' } }, 'test')
const layer = (of: string) => ({ env: { OF: of }, tags: { of } })

export function options(engine: ConformanceEngine): void {
  const { isolated } = engine

  describe(`options on engine ${engine.name}`, () => {
    test('config < definition < with < call, and maps are merged by key', async () => {
      await using host = await openHost(engine, { defaults })
      const env = await host.output('options:callsShows', {})
      const tags = host.events.flatMap((event) => (event.type === 'created' && event.parent !== null ? [[event.name, event.tags]] : []))
      const expected = (of: string) => ({ of, definition: 'is here', config: 'is here' })
      const inherits = { of: 'config', config: 'is here' }
      const layers = Object.fromEntries(['definition', 'with', 'call'].map((of) => [of, expected(of)]))
      expect(Object.fromEntries(tags)).toEqual({ ...layers, inherited: inherits })
      if (isolated) expect(env).toEqual({ ...layers, inherited: { ...inherits, definition: undefined } })
    })

    test('the command line is above them, and for its own run alone: a definition below it says more', async () => {
      await using host = await openHost(engine, { defaults })
      const env = (await host.output('options:callsShows', {}, layer('command line'))) as Record<string, { of: string }>
      const tags = host.events.flatMap((event) => (event.type === 'created' ? [[event.name, event.tags?.['of']]] : []))
      const layers = { definition: 'definition', with: 'with', call: 'call', inherited: 'command line' }
      expect(Object.fromEntries(tags)).toEqual({ callsShows: 'command line', ...layers })
      if (isolated) expect(Object.fromEntries(Object.entries(env).map(([name, seen]) => [name, seen.of]))).toEqual(layers)
    })

    test('children have no retries of their parent', async () => {
      await using host = await openHost(engine)
      expect(await host.output('options:passesOn', {}, { retry: 3 })).toBe('attempt 1')
    })
  })

  describe(`unfinished calls on engine ${engine.name}`, () => {
    test('are cancelled with a warning, waited for, or an error, as the layer above says', async () => {
      await using host = await openHost(engine)
      const fails = expect.stringContaining('1 of its calls was unfinished when it returned')
      expect(await host.output('options:callsLeaves')).toEqual(['left', fails, 'left'])
      const named = (name: string) => host.events.find((event) => event.type === 'created' && event.name === name)!.run
      const below = (name: string) => {
        const parent = named(name)
        const child = host.events.find((event) => event.type === 'created' && event.parent === parent)!.run
        return host.events.find((event) => event.type === 'settled' && event.run === child)
      }
      const ends = ['call-waits', 'with-fails', 'call-cancels'].map((name) => [name, below(name)])
      expect(Object.fromEntries(ends)).toMatchObject({
        'call-waits': { status: 'done' },
        'with-fails': { status: 'cancelled' },
        'call-cancels': { status: 'cancelled' },
      })
      const warnings = host.events.filter((event) => event.type === 'log' && event.level === 'warn') as Logged[]
      expect(warnings.map(({ run, text }) => [run, text])).toEqual([
        [named('call-cancels'), '1 unfinished call was cancelled when the task returned: await what you call'],
      ])
    })

    test('of the root are waited for, when the command line says so', async () => {
      await using host = await openHost(engine)
      expect(await host.output('options:leaves', { ms: 100 }, { orphans: 'wait' })).toBe('left')
      expect(host.events.filter((event) => event.type === 'settled').map(({ status }) => status)).toEqual(['done', 'done'])
    })
  })

  describe(`attempts on engine ${engine.name}`, () => {
    test('each has its own lines', async () => {
      await using host = await openHost(engine)
      await host.output('options:attempts', {}, { retry: { attempts: 3, delay: 1 } })
      const lines = host.events.filter((event) => event.type === 'log').map(({ attempt, text }) => [attempt, text])
      expect(lines).toEqual([1, 2, 3].map((attempt) => [attempt, `in attempt ${attempt}`]))
    })
  })
}
