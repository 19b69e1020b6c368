import type { ErrorSummary, RunEvent } from '../../src/core/events.ts'

type Told = RunEvent extends infer E ? (E extends RunEvent ? Omit<E, 'run' | 'seq' | 'at'> : never) : never

/** Event streams as a supervisor tells them, for the views: one clock, sequence numbers without gaps. */
export class Story {
  readonly events: RunEvent[] = []
  readonly #sequence = new Map<string, number>()
  #at = 1_700_000_000_000

  wait(ms: number): this {
    this.#at += ms
    return this
  }

  tell(run: string, event: Told): this {
    const seq = this.#sequence.get(run) ?? 0
    this.#sequence.set(run, seq + 1)
    this.events.push({ ...event, run, seq, at: this.#at } as RunEvent)
    return this
  }

  create(run: string, parent: string | null, module: string, input = '{}'): this {
    const name = run.slice(0, run.lastIndexOf('-'))
    const task = { module, export: name }
    return this.tell(run, { type: 'created', parent, name, task, engine: 'process', key: run, input: { format: 'json', text: input } })
  }

  start(run: string, ms = 80, attempt = 1): this {
    this.tell(run, { type: 'waiting', attempt, reason: 'a free place' })
    this.tell(run, { type: 'starting', attempt, worker: `w-${run}-${attempt}` })
    return this.wait(ms).tell(run, { type: 'running', attempt })
  }

  log(run: string, text: string, stream: 'stdout' | 'stderr' = 'stdout'): this {
    return this.tell(run, { type: 'log', attempt: 1, level: stream === 'stdout' ? 'info' : 'error', stream, text })
  }

  done(run: string, output: string, attempt = 1): this {
    return this.tell(run, { type: 'settled', status: 'done', attempt, output: { format: 'json', text: output } }).tell(run, {
      type: 'removed',
    })
  }

  fail(run: string, error: ErrorSummary, attempt = 1): this {
    const status = error.code === 'TASK_CANCELLED' ? 'cancelled' : 'failed'
    return this.tell(run, { type: 'settled', status, attempt, error }).tell(run, { type: 'removed' })
  }
}

/** The seed's example: two sleeps side by side. */
export function parallelStory(): Story {
  const story = new Story().create('parallel-k3f9aaaa', null, 'examples/parallel').start('parallel-k3f9aaaa')
  const children = ['sleep-x7k2bbbb', 'sleep-m2p4cccc']
  for (const child of children) story.create(child, 'parallel-k3f9aaaa', 'examples/sleep', '{"duration":2}')
  for (const child of children) story.start(child, 40)
  for (const second of [1, 2]) {
    story.wait(1000)
    for (const child of children) story.log(child, `slept ${second}`)
  }
  for (const child of children) story.done(child, '{"duration":2}')
  return story.done('parallel-k3f9aaaa', '[{"duration":2},{"duration":2}]')
}

export const boom: ErrorSummary = {
  code: 'TASK_FAILED',
  name: 'RangeError',
  message: 'boom',
  stack: 'RangeError: boom\n    at failing (/home/me/app/math.ts:12:9)',
  path: [
    { id: 'main-aaaa1111', task: 'app:main' },
    { id: 'failing-bbbb2222', task: 'math:failing', at: 'Object.run (/home/me/app/app.ts:5:17)' },
  ],
}

/** A child fails on both attempts, its sibling is cancelled, the parent fails with it. */
export function failingStory(): Story {
  const story = new Story().create('main-aaaa1111', null, 'app').start('main-aaaa1111')
  story.create('failing-bbbb2222', 'main-aaaa1111', 'math', '{"n":3}').create('slow-cccc3333', 'main-aaaa1111', 'math')
  story.start('failing-bbbb2222').start('slow-cccc3333')
  story.log('failing-bbbb2222', 'trying').log('failing-bbbb2222', 'something looks wrong', 'stderr')
  const { path: _, ...own } = boom
  story.tell('failing-bbbb2222', { type: 'retrying', attempt: 1, error: own, delayMs: 1000 }).wait(1000)
  story.start('failing-bbbb2222', 80, 2).fail('failing-bbbb2222', own, 2)
  story.tell('slow-cccc3333', { type: 'cancelling', reason: 'failing-bbbb2222 failed', graceMs: 5000 }).wait(120)
  story.fail('slow-cccc3333', { code: 'TASK_CANCELLED', name: 'TaskCancelledError', message: 'failing-bbbb2222 failed' })
  return story.fail('main-aaaa1111', boom)
}

export const killed: ErrorSummary = {
  code: 'TASK_LOST',
  name: 'TaskLostError',
  message: 'the worker of eat-dddd4444 was killed by SIGKILL',
  exit: { how: 'killed', signal: 'SIGKILL' },
  lastLines: ['allocating 512 MB', '\u001b[2Jand a control character'],
}

/** A worker that was killed, with its last lines. */
export function lostStory(): Story {
  return new Story()
    .create('eat-dddd4444', null, 'memory', '{"name":"it\'s","big":true}')
    .start('eat-dddd4444')
    .wait(500)
    .fail('eat-dddd4444', killed)
}
