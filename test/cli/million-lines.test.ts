import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import type { RunEvent } from '../../src/core/events.ts'
import { Invocation, TestProject } from './cowait.ts'

const COUNT = 1_000_000
/** Ten times what it takes; without a bound, slow would pass for well. */
const BOUND_MS = 120_000

const tasks = `import { task } from 'cowait'
export const prints = task(async ({ count }: { count: number }) => {
  for (let n = 0; n < count; n++) console.log(\`line \${n}\`)
  return count
})
`

test('a million lines of a task come out of the command line, in order and before its result', { timeout: 2 * BOUND_MS }, async () => {
  using project = new TestProject()
  project.write('million.ts', tasks)
  const file = join(project.root, 'events.ndjson')
  const started = performance.now()
  const { ended } = new Invocation(['run', 'million:prints', '-i', `count=${COUNT}`, '--ndjson'], {
    cwd: project.root,
    through: ['sh', '-c', 'exec "$0" "$@" >events.ndjson'],
  })
  expect(await ended).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(performance.now() - started).toBeLessThan(BOUND_MS)
  let next = 0
  const other: string[] = []
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const event = JSON.parse(line) as RunEvent
    if (event.type === 'log' && event.text === `line ${next}`) next++
    else other.push(next === COUNT ? event.type : next === 0 ? 'before' : line)
  }
  expect(next).toBe(COUNT)
  expect(other.filter((what) => what !== 'before')).toEqual(['settled', 'removed', 'result'])
})
