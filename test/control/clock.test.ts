/** The clock of the host is set while runs go on: nothing ends before its time, or after it. In the workers it jumps as well. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Ended } from '../cli/cowait.ts'
import { Place } from './place.ts'

const HOUR_MS = 3_600_000
/** What a busy machine may add, which is far from what the clock is set by. */
const SLACK_MS = 20_000

/** By how much it is wrong: at the n-th look, when the process is so old. */
const jumps = {
  'an hour back and forth, at each look': `n % 2 ? ${HOUR_MS} : ${-HOUR_MS}`,
  'a day ahead, once': `ageMs > 400 ? ${24 * HOUR_MS} : 0`,
  'a day back, once': `ageMs > 400 ? ${-24 * HOUR_MS} : 0`,
}

const jumpingBy = (by: string): string => `let n = 0
const real = Date.now
const off = (n, ageMs) => ${by}
Date.now = () => real() + off(n++, performance.now())
`

const tasks = `import './jumps.cjs'
import { delay, limit, task } from 'cowait'

const took = async (work: () => Promise<unknown>) => {
  const started = performance.now()
  await work()
  return performance.now() - started
}
const fails = task({ retry: { attempts: 2, delay: '1s' }, run: async (_: {}, { attempt }) => {
  if (attempt === 1) throw new Error('once')
} })
export const child = task(async ({ n }: { n: number }) => n * 2)
export const parent = task(async () => await Promise.all([child({ n: 0 }), child({ n: 1 })]))
export const stubborn = task(async () => {
  process.on('SIGTERM', () => {})
  for (;;) await new Promise((resolve) => setTimeout(resolve, 1_000))
})
export const waits = task(async () => {
  const site = limit('site', { perSecond: 1 })
  return {
    delay: await took(() => delay('1s')),
    retry: await took(() => fails({})),
    limit: await took(async () => { for (const _ of [1, 2]) await site.run(async () => {}) }),
    timeout: await took(async () => {
      const { code } = await stubborn.with({ timeout: '1s', grace: '1s' })().then(() => ({ code: 'none' }), (error: { code: string }) => error)
      if (code !== 'TASK_TIMEOUT') throw new Error('it ended as ' + code)
    }),
  }
})
`

describe.each(Object.entries(jumps))('the clock is set by %s', { concurrent: true }, (_, by) => {
  const run = async (place: Place, ...args: string[]): Promise<Ended> => {
    const file = join(place.root, 'jumps.cjs')
    writeFileSync(file, jumpingBy(by))
    return await place.run(args, { NODE_OPTIONS: `--require=${file}` })
  }

  test('runs end, and last as long as they do', async () => {
    using place = new Place(tasks)
    const started = performance.now()
    const ended = await run(place, 'tasks:parent', '--json')
    const tookMs = performance.now() - started
    expect(ended).toMatchObject({ code: 0 })
    const { durationMs, output } = JSON.parse(ended.stdout) as { durationMs: number; output: unknown }
    expect(output).toEqual([0, 2])
    expect(durationMs).toBeGreaterThan(0)
    expect(durationMs).toBeLessThanOrEqual(tookMs + 1_000)
  })

  test('the time-out of a root run comes in its time, and so does the end of its grace', async () => {
    using place = new Place(tasks)
    const started = performance.now()
    const ended = await run(place, 'tasks:stubborn', '--timeout', '1s', '--grace', '1s')
    const tookMs = performance.now() - started
    expect(ended.code).toBe(124)
    expect(tookMs).toBeGreaterThan(2_000)
    expect(tookMs).toBeLessThan(2_000 + SLACK_MS)
    expect(ended.stderr).toContain('timed out')
    expect(ended.stderr).not.toMatch(/\b\d+ h\b|(?:^|[\s(])-\d/)
  })

  test('a delay, a retry, a place under a limit, a time-out and a grace take as long as they say', async () => {
    using place = new Place(tasks)
    const ended = await run(place, 'tasks:waits', '-q')
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const waited = JSON.parse(ended.stdout) as Record<string, number>
    const leastMs = { delay: 1_000, retry: 1_000, limit: 1_000, timeout: 2_000 }
    for (const [what, least] of Object.entries(leastMs)) {
      // A timer may be a moment early.
      expect(waited[what], what).toBeGreaterThan(least - 20)
      expect(waited[what], what).toBeLessThan(least + SLACK_MS)
    }
  })
})
