import { stripVTControlCharacters } from 'node:util'
import pc from 'picocolors'
import { describe, expect, test } from 'vitest'
import type { RunEvent } from '../../src/core/events.ts'
import { fit, widthOf } from '../../src/cli/views/tree/row-text.ts'
import { TreeView } from '../../src/cli/views/tree/tree-view.ts'
import type { Outcome } from '../../src/cli/views/view.ts'
import { rerunCommand } from '../../src/cli/rerun-command.ts'
import type { RunEntry } from '../../src/cli/run-board.ts'
import { Screen } from './screen.ts'
import { boom, failingStory, parallelStory, Story } from './stories.ts'
import { ManualClock, Terminal } from './terminal.ts'

process.env['TZ'] = 'UTC'

class Stage {
  readonly terminal: Terminal
  readonly stdout = new Screen()
  readonly clock = new ManualClock(1_700_000_000_000)
  readonly view: TreeView

  constructor({
    columns = 80,
    rows = 24,
    unicode = true,
    env = { NO_COLOR: '1' },
  }: { columns?: number; rows?: number; unicode?: boolean; env?: NodeJS.ProcessEnv } = {}) {
    this.terminal = new Terminal(columns, rows, env)
    const context = {
      stdout: this.stdout.output,
      stderr: this.terminal.output,
      workerWord: () => 'worker',
      again: (run: RunEntry) => rerunCommand(run, {}),
      debug: false,
    }
    this.view = new TreeView(context, { unicode, clock: this.clock })
  }

  /** Plays the events, with a frame whenever time has passed. */
  async play(events: readonly RunEvent[]): Promise<void> {
    for (const event of events) {
      if (event.at > this.clock.now()) await this.frame()
      this.clock.set(Math.max(event.at, this.clock.now()))
      this.view.event(event)
    }
  }

  async frame(): Promise<void> {
    this.clock.frame()
    await this.terminal.output.flush()
  }
}

function upTo(story: Story, matches: (event: RunEvent) => boolean): RunEvent[] {
  return story.events.slice(0, story.events.findIndex(matches) + 1)
}

const done: Outcome = { run: 'parallel-k3f9aaaa', status: 'done', output: [1], exitCode: 0, durationMs: 2345, left: [], kept: [] }

describe.each([40, 80, 300])('at %i columns', (columns) => {
  test('the running tree stays as recorded', async () => {
    const stage = new Stage({ columns })
    await stage.play(upTo(parallelStory(), (event) => event.type === 'log' && event.text === 'slept 2'))
    await stage.frame()
    await expect(await stage.terminal.text()).toMatchFileSnapshot(`golden/tree-running.${columns}.txt`)
  })

  test('the end of a failed run stays as recorded', async () => {
    const stage = new Stage({ columns })
    await stage.play(failingStory().events)
    await stage.frame()
    await stage.view.end({ run: 'main-aaaa1111', status: 'failed', error: boom, exitCode: 1, durationMs: 2345, left: [], kept: [] })
    await expect(await stage.terminal.text()).toMatchFileSnapshot(`golden/tree-failed.${columns}.txt`)
  })
})

test('the end leaves the log, the finished tree and one closing line', async () => {
  const stage = new Stage()
  await stage.play(parallelStory().events)
  await stage.view.end(done)
  await expect(await stage.terminal.text()).toMatchFileSnapshot('golden/tree-done.80.txt')
  await stage.stdout.output.flush()
  expect(stage.stdout.text).toBe('[1]\n')
})

test('without unicode and without colours only ASCII is drawn', async () => {
  const stage = new Stage({ unicode: false })
  await stage.play(parallelStory().events)
  await stage.frame()
  const text = await stage.terminal.text()
  expect(text.split('\n').slice(-5).join('\n')).toContain('+ parallel-k3f9')
  // oxlint-disable-next-line no-control-regex
  expect(text.replaceAll('·', '')).toMatch(/^[\u0000-\u007f]*$/)
})

test('what waits says why, what starts says where it stands, and progress is a bar', async () => {
  const stage = new Stage()
  const story = new Story()
    .create('a-aaaa1111', null, 'a')
    .start('a-aaaa1111')
    .create('b-bbbb2222', 'a-aaaa1111', 'b')
    .create('c-cccc3333', 'a-aaaa1111', 'c')
  story
    .create('d-dddd4444', 'a-aaaa1111', 'd')
    .start('d-dddd4444')
    .tell('d-dddd4444', { type: 'progress', value: 3, total: 10, message: 'thirds' })
  story.tell('b-bbbb2222', { type: 'waiting', attempt: 1, reason: 'a free place (2 of 2 taken)' })
  story.tell('c-cccc3333', {
    type: 'starting',
    attempt: 1,
    worker: 'w',
    phase: { phase: 'pulling', detail: 'node:24-slim', fraction: 0.4 },
  })
  await stage.play(story.events)
  await stage.frame()
  const text = await stage.terminal.text()
  expect(text).toContain('waiting: a free place (2 of 2 taken)')
  expect(text).toContain('pulling node:24-slim 40 %')
  expect(text).toContain('███░░░░░░░ 30 % thirds')
})

test('the next attempt of a run that timed out is not shown as stopping', async () => {
  const stage = new Stage()
  const error = { code: 'TASK_TIMEOUT', name: 'TaskTimeoutError', message: 'b timed out after 1s' } as const
  const story = new Story().create('a-aaaa1111', null, 'a').start('a-aaaa1111').create('b-bbbb2222', 'a-aaaa1111', 'b').start('b-bbbb2222')
  story.tell('b-bbbb2222', { type: 'cancelling', reason: 'b timed out after 1s', graceMs: 5000 })
  await stage.play(story.events)
  await stage.frame()
  expect(await stage.terminal.text()).toContain('stopping: b timed out after 1s')
  const before = story.events.length
  story.tell('b-bbbb2222', { type: 'retrying', attempt: 1, error, delayMs: 10 }).wait(100).start('b-bbbb2222', 80, 2)
  await stage.play(story.events.slice(before))
  await stage.frame()
  expect(await stage.terminal.text()).not.toContain('stopping')
})

test('ten thousand children are one line, drawn in bounded time', async () => {
  const stage = new Stage()
  const story = new Story().create('main-aaaa1111', null, 'a').start('main-aaaa1111')
  for (let n = 0; n < 10_000; n++) story.create(`square-${String(n).padStart(8, '0')}`, 'main-aaaa1111', 'square')
  for (let n = 0; n < 320; n++) {
    const run = `square-${String(n).padStart(8, '0')}`
    story.start(run, 0)
    if (n < 312) story.done(run, '1')
  }
  await stage.play(story.events)
  await stage.frame()
  expect(await stage.terminal.text()).toMatch(/square × 10,000 +8 running, 9,680 waiting, 312 done/)
  const before = process.cpuUsage()
  for (let n = 0; n < 100; n++) await stage.frame()
  const { user, system } = process.cpuUsage(before)
  expect((user + system) / 1000 / 100).toBeLessThan(20)
})

test('a recursion of thousands of runs fits the terminal', async () => {
  const stage = new Stage({ rows: 12 })
  const story = new Story().create('fib-00000000', null, 'fib').start('fib-00000000', 0)
  for (let n = 1; n < 4_000; n++) story.create(`fib-${pad(n)}`, `fib-${pad(Math.floor((n - 1) / 2))}`, 'fib').start(`fib-${pad(n)}`, 0)
  await stage.play(story.events)
  await stage.frame()
  const text = await stage.terminal.text()
  expect(text.split('\n').length).toBeLessThanOrEqual(12)
  expect(text).toContain('4,000 running')
})

test('a resize to fewer columns leaves no remains of what was drawn before', async () => {
  const stage = new Stage({ columns: 100 })
  await stage.play(upTo(parallelStory(), (event) => event.type === 'log' && event.text === 'slept 2'))
  await stage.frame()
  stage.terminal.resize(40, 24)
  await stage.terminal.output.flush()
  await stage.frame()
  const text = await stage.terminal.text()
  expect(text.match(/2 running|3 running/g)).toHaveLength(1)
  expect(text.match(/ parallel-k3f9/g)).toHaveLength(1)
})

test('wide characters are cut at the edge, never wrapped', async () => {
  const stage = new Stage({ columns: 40 })
  const story = new Story().create('a-aaaa1111', null, 'a').start('a-aaaa1111').create('b-bbbb2222', 'a-aaaa1111', 'b').start('b-bbbb2222')
  story.tell('b-bbbb2222', { type: 'progress', value: 1, total: 2, message: '漢字漢字漢字漢字漢字漢字漢字漢字👩‍👩‍👧‍👦👩‍👩‍👧‍👦' })
  await stage.play(story.events)
  await stage.frame()
  await stage.frame()
  const lines = (await stage.terminal.text()).trimEnd().split('\n')
  expect(lines).toHaveLength(3)
  expect(lines[1]).toMatch(/[漢字]…$/)
})

test('a line is cut at any column, also beside a colour, and never to more than fits', () => {
  const colours = pc.createColors(true)
  const line = `${colours.dim('└ ')}${colours.cyan('⠹')} tiny 字 × 60  ${colours.cyan('9 running')}, ${colours.dim('8 漢字')}, ${colours.green('43 done')} 👍`
  const plain = stripVTControlCharacters(line)
  for (let columns = 1; columns < 70; columns++) {
    const cut = stripVTControlCharacters(fit(line, columns))
    const isWhole = widthOf(plain) <= columns
    expect(isWhole ? cut : cut.slice(0, -1), `${columns} columns`).toBe(isWhole ? plain : plain.slice(0, cut.length - 1))
    if (!isWhole) expect(columns - widthOf(cut), `${columns} columns`).toBeOneOf([0, 1])
  }
})

test('a terminal that does not read gets no frames until it has caught up', async () => {
  const screen = new Screen({ columns: 80, env: { NO_COLOR: '1' } })
  const clock = new ManualClock(1_700_000_000_000)
  const view = new TreeView({ stdout: screen.output, stderr: screen.output, workerWord: () => 'worker', debug: false }, { clock })
  for (const event of parallelStory().events.slice(0, 8)) view.event(event)
  screen.stall()
  for (let n = 0; n < 1_000; n++) {
    clock.frame()
    await new Promise(setImmediate)
  }
  const stalled = screen.text.length
  expect(stalled).toBeLessThan(2_000)
  screen.resume()
  await screen.output.flush()
  clock.frame()
  await screen.output.flush()
  expect(screen.text.length).toBeGreaterThan(stalled)
})

function pad(n: number): string {
  return String(n).padStart(8, '0')
}
