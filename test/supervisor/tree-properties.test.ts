import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ErrorSummary } from '../../src/core/events.ts'
import { RunTree } from '../../src/supervisor/tree.ts'
import type { Effect, NewRun, TimerName, TreeMessage } from '../../src/supervisor/tree-messages.ts'

const error: ErrorSummary = { code: 'TASK_FAILED', name: 'Error', message: 'boom' }
const reason = { code: 'TASK_CANCELLED', message: 'enough' } as const
const retry = { attempts: 3, delayMs: 100, factor: 2, maxDelayMs: 1_000 }

/** Does what a supervisor does: it keeps workers, timers and values, and has no more of each at the end. */
class Keeper {
  readonly tree = new RunTree(2, () => 1, { depth: 4, unfinished: 12, alive: 6 })
  readonly workers = new Set<string>()
  readonly timers = new Set<string>()
  readonly asked = new Map<string, number>()
  readonly settled: string[] = []
  readonly removed: string[] = []
  /** How often each value was let go. */
  readonly values = new Map<unknown, number>()
  #now = 0

  value(name: string): never {
    const value = { name }
    this.values.set(value, 0)
    return value as never
  }

  apply(message: TreeMessage): void {
    for (const effect of this.tree.apply(message, this.#now++)) this.#carryOut(effect)
  }

  #carryOut(effect: Effect): void {
    const { id } = effect.run
    if (effect.type === 'start') this.workers.add(id)
    if (effect.type === 'set-timer') this.timers.add(`${effect.timer} ${id}`)
    if (effect.type === 'clear-timer') this.timers.delete(`${effect.timer} ${id}`)
    if (effect.type === 'ask-retry') this.asked.set(id, effect.run.attempt)
    if (effect.type === 'release') this.#letGo(effect.value)
    if (effect.type === 'removed') this.removed.push(id)
    if (effect.type !== 'settle') return
    this.settled.push(id)
    this.#letGo(effect.run.input)
    if (effect.settlement.value) this.#letGo(effect.settlement.value)
  }

  #letGo(value: unknown): void {
    this.values.set(value, (this.values.get(value) ?? 0) + 1)
  }
}

type Step = { readonly what: number; readonly which: number; readonly how: number }

const clients = ['client-0', 'client-1']

function call(keeper: Keeper, id: string, parent: string | undefined, how: number): void {
  const options = [
    {},
    { retry },
    { retry: { ...retry, ask: true as const } },
    { timeoutMs: 50, retry },
    { orphans: 'wait' as const, timeoutMs: 50 },
  ]
  const run: NewRun = {
    id,
    parent: parent ?? null,
    client: clients[how % 2] as string,
    callerAttempt: parent === undefined ? 0 : (keeper.tree.runs.get(parent)?.attempt ?? 1),
    task: { module: 'm', export: id },
    name: id,
    engine: 'memory',
    options: options[how % options.length] ?? {},
    shield: how % 7 === 0,
    handlers: [],
    decides: false,
    key: id,
    input: keeper.value(`input of ${id}`),
  }
  keeper.apply({ type: 'call', run, ...(how === 11 ? { refused: error } : {}), ...(how === 12 ? { cancelled: reason } : {}) })
}

function play(keeper: Keeper, steps: readonly Step[]): void {
  let calls = 0
  const pick = <T>(all: Iterable<T>, which: number): T | undefined => [...all][which % Math.max(1, [...all].length)]
  for (const { what, which, how } of steps) {
    const any = pick(keeper.tree.runs.keys(), which)
    const worker = pick(keeper.workers, which)
    if (what < 4) call(keeper, `run-${calls++}`, how % 3 === 0 ? undefined : worker, how)
    else if (what < 6 && worker) keeper.apply({ type: 'running', run: worker })
    else if (what < 9 && worker) {
      const value = keeper.value(`answer of ${worker}`)
      const outcomes = [
        { type: 'done', value },
        { type: 'failed', error, value, retryable: how % 2 === 0 },
      ] as const
      keeper.apply({ type: 'attempt-ended', run: worker, outcome: outcomes[how % 2] ?? outcomes[0] })
    } else if (what < 11 && worker) gone(keeper, worker)
    else if (what === 11 && any)
      keeper.apply({ type: 'cancel', run: any, reason: how % 2 === 0 ? reason : { ...reason, code: 'TASK_TIMEOUT' }, kill: how % 3 === 0 })
    else if (what === 12) fire(keeper, pick(keeper.timers, which))
    else if (what === 13 && keeper.asked.size > 0) answer(keeper, pick(keeper.asked, which), how % 2 === 0)
    else if (what === 14 && how === 0) keeper.apply({ type: 'client-ended', client: 'client-1', reason })
    else if (what === 15 && worker) keeper.apply({ type: 'waits', run: worker, isWaiting: how % 2 === 0 })
  }
}

/** As an attempt tells it: a worker was lost, unless it was given up before it began. */
function gone(keeper: Keeper, worker: string): void {
  keeper.workers.delete(worker)
  const run = keeper.tree.runs.get(worker)
  const wasServed = run && (!run.cancel || run.children.size > 0)
  if (wasServed && !run.outcome) keeper.apply({ type: 'attempt-ended', run: worker, outcome: { type: 'lost', error, retryable: true } })
  keeper.apply({ type: 'worker-gone', run: worker })
}

function fire(keeper: Keeper, timer: string | undefined): void {
  if (timer === undefined) return
  keeper.timers.delete(timer)
  const [name = '', run = ''] = timer.split(' ')
  keeper.apply({ type: 'timer', run, timer: name as TimerName })
}

function answer(keeper: Keeper, asked: readonly [string, number] | undefined, again: boolean): void {
  if (!asked) return
  const [run, attempt] = asked
  keeper.asked.delete(run)
  keeper.apply({ type: 'retry-answer', run, attempt, again })
}

/** All that is under way comes to its end. */
function end(keeper: Keeper): void {
  for (let turn = 0; turn < 100 && keeper.tree.runs.size > 0; turn++) {
    for (const worker of keeper.workers) gone(keeper, worker)
    for (const timer of keeper.timers) fire(keeper, timer)
  }
}

const steps = fc.array(fc.record({ what: fc.nat(15), which: fc.nat(20), how: fc.nat(13) }), { maxLength: 200, size: 'max' })

test('no run, timer, value or place is left, whatever happens in whatever order', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const keeper = new Keeper()
      play(keeper, list)
      for (const client of clients) keeper.apply({ type: 'client-ended', client, reason })
      end(keeper)
      expect([...keeper.tree.runs.keys()]).toEqual([])
      expect([...keeper.timers]).toEqual([])
      expect([...keeper.settled].sort()).toEqual([...new Set(keeper.settled)].sort())
      expect([...keeper.removed].sort()).toEqual([...keeper.settled].sort())
      expect([...keeper.values].filter(([, count]) => count !== 1).map(([value, count]) => [value, count])).toEqual([])
      for (const id of ['one', 'two', 'three']) call(keeper, id, undefined, 0)
      expect([...keeper.workers]).toEqual(['one', 'two'])
    }),
    { numRuns: 500 },
  )
})
