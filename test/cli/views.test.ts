import { describe, expect, test } from 'vitest'
import type { RunEvent } from '../../src/core/events.ts'
import type { View, ViewContext, Outcome } from '../../src/cli/views/view.ts'
import { JsonView } from '../../src/cli/views/json.ts'
import { NdjsonView } from '../../src/cli/views/ndjson.ts'
import { PlainView } from '../../src/cli/views/plain.ts'
import { QuietView } from '../../src/cli/views/quiet.ts'
import { rerunCommand } from '../../src/cli/rerun-command.ts'
import type { RunEntry } from '../../src/cli/run-board.ts'
import { Screen } from './screen.ts'
import { ManualClock } from './terminal.ts'
import { boom, failingStory, killed, lostStory, parallelStory, Story } from './stories.ts'

const stories = {
  parallel: { story: parallelStory, outcome: done('parallel-k3f9aaaa', [{ duration: 2 }, { duration: 2 }]) },
  failing: { story: failingStory, outcome: failed('main-aaaa1111', boom, 1) },
  lost: { story: lostStory, outcome: failed('eat-dddd4444', killed, 3) },
}
const views = { plain: PlainView, quiet: QuietView, json: JsonView, ndjson: NdjsonView }

describe.each(Object.entries(views))('the %s view', (viewName, ViewClass) => {
  test.each(Object.entries(stories))('of the %s story stays as recorded', async (storyName, { story, outcome }) => {
    const shown = await show(ViewClass, story(), outcome)
    await expect(`--- stderr\n${shown.stderr}--- stdout\n${shown.stdout}`).toMatchFileSnapshot(`golden/${storyName}.${viewName}.txt`)
  })
})

test('the plain view in colour stays as recorded', async () => {
  const { stderr } = await show(PlainView, failingStory(), failed('main-aaaa1111', boom, 1), { FORCE_COLOR: '1' })
  await expect(stderr).toMatchFileSnapshot('golden/failing.colour.txt')
})

test('log lines cannot move the cursor or colour what follows', async () => {
  const story = new Story().create('a-aaaa1111', null, 'a').start('a-aaaa1111')
  story.log('a-aaaa1111', 'title \u001b]0;owned\u0007 up \u001b[A red \u001b[31mred\r')
  const plain = await show(PlainView, story, done('a-aaaa1111', undefined))
  expect(plain.stderr).toContain('| title \\x1b]0;owned\\x07 up \\x1b[A red red\n')
  const coloured = await show(PlainView, story, done('a-aaaa1111', undefined), { FORCE_COLOR: '1' })
  expect(coloured.stderr).toContain('red \u001b[31mred\u001b[0m\n')
})

test('a reader that stopped costs log lines, told by number, and never the result', async () => {
  const [stdout, stderr] = [new Screen(), new Screen()]
  const view = new PlainView(contextOf(stdout, stderr))
  const story = new Story().create('a-aaaa1111', null, 'a').start('a-aaaa1111')
  for (const event of story.events) view.event(event)
  stderr.stall()
  const line = 'x'.repeat(1_000_000)
  for (let n = 0; n < 50; n++)
    view.event({ type: 'log', attempt: 1, level: 'info', stream: 'stdout', text: line, run: 'a-aaaa1111', seq: 3 + n, at: 0 })
  stderr.resume()
  await view.end(done('a-aaaa1111', 7))
  await Promise.all([stdout.output.flush(), stderr.output.flush()])
  const shown = stderr.text.split('\n').filter((text) => text.endsWith(line)).length
  expect(shown).toBeGreaterThan(20)
  expect(stderr.text.slice(-200)).toContain(`\n${50 - shown} log lines not shown`)
  expect(stdout.text).toBe('7\n')
})

test('events that a slow reader missed leave a gap that is told, and no other event is missed', async () => {
  const [stdout, stderr] = [new Screen(), new Screen()]
  const view = new NdjsonView(contextOf(stdout, stderr))
  const story = new Story().create('a-aaaa1111', null, 'a').start('a-aaaa1111')
  stdout.stall()
  for (let n = 0; n < 50; n++) story.log('a-aaaa1111', 'x'.repeat(1_000_000))
  for (const event of story.done('a-aaaa1111', '1').events) view.event(event)
  stdout.resume()
  await stdout.output.flush()
  const events = stdout.text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as RunEvent)
  const told = events.reduce((sum, event) => sum + (event.type === 'dropped' ? event.lines : 1), 0)
  expect(told).toBe(story.events.length)
  expect(events.at(-2)?.type).toBe('settled')
})

test('a long silence is broken by what is alive', () => {
  const [stdout, stderr] = [new Screen(), new Screen()]
  const clock = new ManualClock(0)
  const view = new PlainView(contextOf(stdout, stderr), { clock })
  for (const event of new Story().create('a-aaaa1111', null, 'a').start('a-aaaa1111').events) view.event(event)
  clock.set(29_000)
  clock.frame()
  clock.set(31_000)
  clock.frame()
  clock.frame()
  clock.set(90_000)
  clock.frame()
  return stderr.output.flush().then(() => expect(stderr.text).toBe('after 31.0 s: 1 running\nafter 1 m 30 s: 1 running\n'))
})

test('an undefined result prints nothing and null prints null', async () => {
  expect((await show(PlainView, parallelStory(), done('parallel-k3f9aaaa', undefined))).stdout).toBe('')
  expect((await show(PlainView, parallelStory(), done('parallel-k3f9aaaa', null))).stdout).toBe('null\n')
})

async function show(
  ViewClass: new (context: ViewContext) => View,
  story: Story,
  outcome: Outcome,
  env: NodeJS.ProcessEnv = {},
): Promise<{ stdout: string; stderr: string }> {
  const [stdout, stderr] = [new Screen({ env }), new Screen({ env })]
  const view = new ViewClass(contextOf(stdout, stderr))
  for (const event of story.events) view.event(event)
  await view.end(outcome)
  await Promise.all([stdout.output.flush(), stderr.output.flush()])
  return { stdout: stdout.text, stderr: stderr.text }
}

function contextOf(stdout: Screen, stderr: Screen): ViewContext {
  return {
    stdout: stdout.output,
    stderr: stderr.output,
    workerWord: () => 'worker',
    again: (run: RunEntry) => rerunCommand(run, {}),
    debug: false,
  }
}

function done(run: string, output: unknown): Outcome {
  return { run, status: 'done', output, exitCode: 0, durationMs: 2345, left: [], kept: [] }
}

function failed(run: string, error: Outcome['error'] & {}, exitCode: number): Outcome {
  return { run, status: 'failed', error, exitCode, durationMs: 2345, left: [], kept: [] }
}

test('the last line counts what was kept on purpose apart from what is left', async () => {
  const { stderr } = await show(PlainView, failingStory(), { ...failed('main-aaaa1111', boom, 1), kept: ['sleep-x7k2bbbb'] })
  expect(stderr).toMatch(/failed after 2\.3 s · \d workers, 0 left, 1 kept\n$/)
})
