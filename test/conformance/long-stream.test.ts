import { expect, test } from 'vitest'
import { ITEM_WINDOW } from '../../src/core/line.ts'
import { openHost } from './host.ts'

interface Look {
  readonly at: number
  /** How many items the producer is ahead of its reader. */
  readonly ahead: number
  readonly producerMiB: number
  readonly readerMiB: number
}

const whole = process.env['COWAIT_TEST_ITEMS']
const engine = process.env['COWAIT_TEST_ENGINE'] ?? 'process'

test('a slow reader holds a long stream back, and neither end grows by it', { timeout: 600_000 }, async () => {
  const count = Number(whole ?? 20_000)
  await using host = await openHost({ name: engine, isolated: true, options: { engine } })
  const supervisorMiB: number[] = []
  const sampling = setInterval(() => supervisorMiB.push(process.memoryUsage.rss() / 2 ** 20), 100)
  const { returned, looks } = (await host.output('long-stream:readSlowly', { count })) as { returned: number; looks: Look[] }
  clearInterval(sampling)
  if (whole) {
    console.table(looks)
    console.log(
      'supervisor, rss in MiB:',
      [0, 0.25, 0.5, 0.75, 0.99].map((part) => supervisorMiB[Math.floor(supervisorMiB.length * part)]),
    )
  }
  expect(returned).toBe(count)
  expect(looks).toHaveLength(10)
  expect(Math.max(...looks.map(({ ahead }) => ahead))).toBeLessThanOrEqual(2 * ITEM_WINDOW)
  const [first, last] = [looks[0]!, looks[9]!]
  expect(last.producerMiB - first.producerMiB).toBeLessThan(4)
  expect(last.readerMiB - first.readerMiB).toBeLessThan(4)
})
