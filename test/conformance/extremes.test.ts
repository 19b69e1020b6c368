/** What a task returns and prints, at its largest and from everywhere: nothing is lost, nothing gets into anything else. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { openHost } from './host.ts'

const engine = process.env['COWAIT_TEST_ENGINE'] ?? 'process'
const open = () => openHost({ name: engine, isolated: true, options: { engine } })
const numbered = (word: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${word} ${n}`)

test('100 MB that two runs return one after the other are the same bytes at each place', { timeout: 120_000 }, async () => {
  await using host = await open()
  const { data, hashes } = (await host.output('extremes:passesLarge', { bytes: 100_000_000 })) as { data: Uint8Array; hashes: string[] }
  expect(data).toHaveLength(100_000_000)
  const hash = createHash('sha256').update(data).digest('hex')
  expect(hashes).toEqual([hash, hash])
})

test('a thread, a subprocess and the function print at once: all lines are there, whole, each in its order', async () => {
  await using host = await open()
  const lines = 5_000
  expect(await host.output('extremes:printsFromAllSides', { lines })).toBe(lines)
  const told = host.lines()
  for (const word of ['main', 'thread', 'subprocess']) expect(told.filter((line) => line.startsWith(word))).toEqual(numbered(word, lines))
  expect(told).toHaveLength(3 * lines)
})

test('what is printed past the console is told, and read as nothing else', async () => {
  await using host = await open()
  expect(await host.output('extremes:printsPastConsole')).toBe(12)
  expect(host.lines()).toEqual([
    'native',
    'by name',
    'by name',
    '{"type":"done","run":"mine","value":{"format":"json","text":2,"size":2},"body":2}',
    '13',
    '\u001e{"flush":no record',
  ])
})

test('what is printed when the function has returned is told, and the result is what was returned', async () => {
  await using host = await open()
  const run = host.start('extremes:printsAfterwards', { lines: 1_000 })
  const settlement = await run.settled
  expect(settlement.status === 'done' && Buffer.from(settlement.output.data).toString()).toBe('"returned"')
  await host.event('removed', (event) => event.run === run.id)
  expect(host.lines(run.id)).toEqual(['microtask', ...numbered('exit', 1_000)])
})
