/** Generated values across every border between workers, and cancelling in the moments that are easily forgotten. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyValue } from '../core/any-value.ts'
import { difference } from '../core/difference.ts'
import { openHost, type ConformanceEngine } from './host.ts'

export function borders(engine: ConformanceEngine): void {
  describe(`borders on engine ${engine.name}`, () => {
    test('200 generated values cross each of them, there and back', async () => {
      const seed = Math.floor(Math.random() * 2 ** 31)
      const values = fc.sample(anyValue, { numRuns: 200, seed })
      await using host = await openHost(engine)
      const found = (await host.output('borders:echoes', { values })) as Record<string, unknown>
      const differences = ['given', 'items', 'output'].map((border) => difference(found[border], values, border))
      expect(differences, `seed ${seed}`).toEqual([undefined, undefined, undefined])
    })
  })

  describe(`cancelling on engine ${engine.name}`, () => {
    test('while the input is checked', async () => {
      await using host = await openHost(engine)
      const run = host.start('borders:slowToCheck')
      await host.event('log', (event) => event.text === 'checking')
      run.cancel({ code: 'TASK_CANCELLED', message: 'enough' })
      expect((await run.settled).status).toBe('cancelled')
      expect(host.events.some((event) => event.type === 'running')).toBe(false)
    })

    test('a value that is returned afterwards is dropped', async () => {
      await using host = await openHost(engine)
      expect(await host.output('borders:cancelsTheLate')).toEqual({ status: 'cancelled', error: 'TaskCancelledError' })
    })

    test('while its items are read', async () => {
      await using host = await openHost(engine)
      expect(await host.output('borders:cancelsWhileReading')).toEqual({
        first: [0, 1, 2, 3],
        error: 'TaskCancelledError',
        status: 'cancelled',
      })
    })
  })
}
